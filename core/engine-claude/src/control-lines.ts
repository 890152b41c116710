import type { Writable } from "node:stream";
import { isObject } from "@claudeway/schemas";
import { isName } from "./result-check.js";

/** How a line that answers the SDK begins. */
export const RESPONSE = '{"type":"control_response"';
/** A request to the SDK of at most so many characters is passed on as it is. Without a call's input, none is longer. */
const MAX_REQUEST_CHARS = 16_384;

type Written = (error: Error | null | undefined) => void;

/**
 * The control protocol between a CLI and the SDK, whose lines a tool that speaks for the CLI can write too. The SDK keeps a
 * request until it is answered, the ids of 1,024 answered ones, and 1,024 responses that it did not ask for, of any length.
 */
export class ControlLines {
  /** The ids of the SDK's requests that are not answered. */
  readonly #asked = new Set<string>();

  /** Notes the SDK's requests as they are written to the CLI. */
  hear(stdin: Writable): void {
    const write = stdin.write.bind(stdin);
    stdin.write = (chunk: unknown, encoding?: BufferEncoding | Written, done?: Written) => {
      if (typeof chunk === "string") this.#note(chunk);
      return typeof encoding === "function"
        ? write(chunk, "utf8", encoding)
        : write(chunk, encoding ?? "utf8", done);
    };
  }

  /** Whether the SDK may get a line of the CLI: a response that it waits for, or a request of which it keeps no more than needed. */
  mayPass(line: string): boolean {
    if (line.length <= MAX_REQUEST_CHARS && !line.startsWith(RESPONSE)) return true;
    const parsed = parse(line);
    if (parsed?.["type"] === "control_response") {
      const { response } = parsed;
      return (
        isObject(response) &&
        typeof response["request_id"] === "string" &&
        this.#asked.delete(response["request_id"])
      );
    }
    return parsed?.["type"] !== "control_request" || isShort(parsed);
  }

  #note(text: string): void {
    // A prompt is not parsed.
    if (!text.slice(0, 100).includes('"type":"control_request"')) return;
    const id = parse(text)?.["request_id"];
    if (typeof id === "string") this.#asked.add(id);
  }
}

/** Whether a request has nothing long but what is passed on with it. */
function isShort({ request_id: id, request, ...others }: Readonly<Record<string, unknown>>): boolean {
  if (!isName(id) || !isObject(request)) return false;
  // It is the only one that is not answered at once; its input is counted where it waits.
  if (request["subtype"] !== "hook_callback") return true;
  const { input, ...rest } = request;
  return JSON.stringify({ ...others, ...rest }).length <= MAX_REQUEST_CHARS;
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
