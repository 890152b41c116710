/** Longest answer that is read, in bytes; a hundred updates, the most that one poll brings, are far below. */
const MAX_ANSWER = 16 * 1024 * 1024;

/** An answer of the Bot API (https://core.telegram.org/bots/api#making-requests). */
export type BotApiAnswer =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly code: number;
      readonly description: string;
      readonly retryAfterSecs: number | undefined;
      /** The group has become another one, with this id. */
      readonly movedTo: number | undefined;
    };

/** A file to be uploaded, in the form that telegraf's types know. */
interface Upload {
  readonly source: Buffer;
  readonly filename: string;
}

/**
 * Calls a method. Rejects where there is no answer, or one that is none of the Bot API's. Not telegraf's own client: its
 * node-fetch leaves a timer of 500 s behind for every body that breaks off, and takes no deadline.
 */
export async function post(url: URL, payload: object, signal: AbortSignal): Promise<BotApiAnswer> {
  // The Bot API redirects nobody: what does is another one, and must not be told what people write.
  const response = await fetch(url, { method: "POST", ...bodyOf(payload), redirect: "error", signal });
  const text = await readAll(response);
  if (response.status >= 500) return refused(response.status, { description: response.statusText });
  const answer: unknown = JSON.parse(text);
  if (!isRecord(answer)) throw new Error("the answer is no object");
  if (answer["ok"] === true) return { ok: true, result: answer["result"] };
  return refused(response.status, answer);
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

/** JSON, or a form where a file goes along. */
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
    if (length > MAX_ANSWER) throw new Error(`the answer is longer than ${MAX_ANSWER} bytes`);
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
