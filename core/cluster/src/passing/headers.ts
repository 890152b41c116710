import type { IncomingMessage, ServerResponse } from "node:http";
import { PASSED } from "./signature.js";

/** Of an answer to another node: nothing of the request was begun. */
export const NOT_BEGUN = "x-claudeway-not-begun";

/** Headers of one connection (RFC 9110, 7.6.1): they are not passed on. */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** What the next node makes itself, or must not believe. */
const OWN: ReadonlySet<string> = new Set([PASSED, "expect", "http2-settings"]);
/** The secret of a caller stays where it was checked. */
const SECRETS: ReadonlySet<string> = new Set(["authorization", "x-api-key", "proxy-authorization"]);

export type HeaderValues = Record<string, string | string[]>;

/** The headers that a request is passed on with, by name in lower case. */
export function passedHeaders(request: IncomingMessage, isAuthenticated: boolean): HeaderValues {
  const dropped = droppedNames(request);
  const headers: HeaderValues = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || dropped.has(name) || OWN.has(name)) continue;
    if (isAuthenticated && SECRETS.has(name)) continue;
    headers[name] = value;
  }
  return headers;
}

/** Copies status and headers of another node's answer. */
export function copyHead(answer: IncomingMessage, response: ServerResponse): void {
  response.statusCode = answer.statusCode ?? 502;
  if (answer.statusMessage) response.statusMessage = answer.statusMessage;
  for (const [name, values] of endToEnd(answer)) {
    response.setHeader(name, values.length === 1 ? (values[0] ?? "") : values);
  }
}

/** The lines of an answer's head, as they came. */
export function headLines(answer: IncomingMessage, more: readonly string[]): string {
  const { rawHeaders, statusCode, statusMessage } = answer;
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${[...lines, ...more].join("\r\n")}\r\n\r\n`;
}

/** Headers with all their values, in the spelling of the first. */
function endToEnd(answer: IncomingMessage): Iterable<[string, string[]]> {
  const dropped = droppedNames(answer);
  const { rawHeaders } = answer;
  const found = new Map<string, [string, string[]]>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = "", value = ""] = rawHeaders.slice(at, at + 2);
    const lower = name.toLowerCase();
    if (dropped.has(lower)) continue;
    const known = found.get(lower);
    if (known === undefined) found.set(lower, [name, [value]]);
    else known[1].push(value);
  }
  return found.values();
}

function droppedNames({ headers }: IncomingMessage): ReadonlySet<string> {
  const { connection } = headers;
  if (connection === undefined || /^(?:close|keep-alive)$/i.test(connection)) return OF_CONNECTION;
  const named = connection.split(",").map((name) => name.trim().toLowerCase());
  return new Set([...OF_CONNECTION, ...named]);
}
