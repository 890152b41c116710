import { readWithin } from "@claudeway/messenger";

/** Maximum response size in bytes. A hundred updates, the maximum of one poll, are much smaller. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** A response of the Bot API (https://core.telegram.org/bots/api#making-requests). */
export type BotApiAnswer =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly code: number;
      readonly description: string;
      readonly retryAfterSecs: number | undefined;
      /** The group has migrated to this id. */
      readonly movedTo: number | undefined;
    };

/** A file to upload, in the form of telegraf's types. */
interface Upload {
  readonly source: Buffer;
  readonly filename: string;
}

/**
 * Calls a method. Rejects if there is no response, or one that is not of the Bot API. telegraf's own client is not used:
 * its node-fetch leaves a timer of 500 s behind for every aborted body, and has no deadline.
 */
export async function post(url: URL, payload: object, signal: AbortSignal): Promise<BotApiAnswer> {
  // The Bot API never redirects: a server that does is another one, and must not receive what people write.
  const response = await fetch(url, { method: "POST", ...bodyOf(payload), redirect: "error", signal });
  const text = await readAll(response);
  if (response.status >= 500) return refused(response.status, { description: response.statusText });
  const answer: unknown = JSON.parse(text);
  if (!isRecord(answer)) throw new Error("the response is not an object");
  if (answer["ok"] === true) return { ok: true, result: answer["result"] };
  return refused(response.status, answer);
}

/** Fetches a file. Rejects if it is larger than `maxBytes`, or missing. */
export async function fetchFile(url: URL, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const response = await fetch(url, { redirect: "error", signal });
  if (!response.ok) throw new Error(`the file server responded with ${response.status}`);
  return readWithin(response, maxBytes, "a file");
}

function refused(status: number, answer: Readonly<Record<string, unknown>>): BotApiAnswer {
  const parameters = isRecord(answer["parameters"]) ? answer["parameters"] : {};
  return {
    ok: false,
    code: numberOf(answer["error_code"]) ?? status,
    description: String(answer["description"]),
    retryAfterSecs: numberOf(parameters["retry_after"]),
    movedTo: numberOf(parameters["migrate_to_chat_id"]),
  };
}

/** JSON, or a form when there is a file. */
function bodyOf(payload: object): Pick<RequestInit, "body" | "headers"> {
  const entries = Object.entries(payload);
  if (!entries.some(([, value]) => isUpload(value))) {
    return { body: JSON.stringify(payload), headers: { "content-type": "application/json" } };
  }
  const form = new FormData();
  for (const [name, value] of entries) {
    if (isUpload(value)) form.append(name, new Blob([new Uint8Array(value.source)]), value.filename);
    else form.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  return { body: form };
}

async function readAll(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_ANSWER) throw new Error(`the response must be at most ${MAX_ANSWER} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function isUpload(value: unknown): value is Upload {
  return isRecord(value) && Buffer.isBuffer(value["source"]);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
