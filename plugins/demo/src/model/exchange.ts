import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestLog } from "./records.js";
import { errorBody } from "./wire.js";

/** One request, with what is needed to answer it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly log: RequestLog;
  /** How often a `[[fail 2x …]]` has failed, by conversation and place. */
  readonly attempts: Map<string, number>;
  readonly account: Account;
  readonly options: RespondOptions;
}

/** The account that all requests are charged to. */
export interface Account {
  /** Its usage limit that was reached last; `until` is in ms since 1970. */
  limit?: { readonly name: string; readonly until: number };
}

export interface RespondOptions {
  readonly latencyMs?: number;
  readonly onUnknown?: (method: string, path: string) => void;
}

/** Sends a JSON answer, with the request id that the real API has too. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": String(Buffer.byteLength(text)),
    ...headers,
  });
  response.end(text);
}

/** Sends an error in the API's form. */
export function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  sendJson(response, status, { type: "error", error: errorBody(status, message) }, headers);
}

/** The CLI's session that a request belongs to. */
export function sessionOf(request: IncomingMessage): string | null {
  const header = request.headers["x-claude-code-session-id"];
  return typeof header === "string" ? header : null;
}
