import type { IncomingMessage } from "node:http";
import { type Exchange, sendError, sendJson, sessionOf } from "./exchange.js";
import { isObject, type JsonObject, parseJson } from "./json.js";
import { answerMessages } from "./messages.js";

const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Answers one request to the scripted model. */
export async function respond(exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const method = request.method ?? "GET";
  const path = new URL(request.url ?? "/", "http://127.0.0.1").pathname;
  const body = await readBody(request);
  if (body === undefined) return refuse(exchange, 413, "The request is larger than 64 MiB.");
  if (method !== "POST" || !/^\/v1\/messages(?:\/count_tokens)?$/.test(path))
    return answerOther(exchange, method, path);
  const json = parseJson(body);
  if (!isObject(json)) return refuse(exchange, 400, "The request's body is not a JSON object.");
  if (path.endsWith("/count_tokens")) {
    note(exchange, 200);
    return sendJson(response, 200, { input_tokens: Math.ceil(body.length / 4) });
  }
  return answerMessages(exchange, json);
}

/** The CLI's other requests: health and models. */
function answerOther(exchange: Exchange, method: string, path: string): void {
  const body = otherBody(method, path);
  if (body === undefined) {
    exchange.options.onUnknown?.(method, path);
    refuse(exchange, 404, `The demo model has no ${method} ${path}.`);
    return;
  }
  note(exchange, 200);
  sendJson(exchange.response, 200, body);
}

function otherBody(method: string, path: string): JsonObject | undefined {
  if (method === "HEAD" || path === "/" || path === "/api/hello") return { message: "hello" };
  if (method === "GET" && path === "/v1/models") {
    return { data: MODELS, has_more: false, first_id: MODELS[0]?.id, last_id: MODELS.at(-1)?.id };
  }
  // Telemetry and the like: accepted and discarded.
  return method === "POST" && path.startsWith("/api/") ? {} : undefined;
}

const MODELS: readonly (JsonObject & { readonly id: string })[] = [
  { type: "model", id: "claude-demo", display_name: "Demo (a script)", created_at: "2026-01-01T00:00:00Z" },
];

function refuse(exchange: Exchange, status: number, message: string): void {
  note(exchange, status);
  sendError(exchange.response, status, message);
}

/** Records a request that uses no tokens. */
function note({ request, log }: Exchange, status: number): void {
  const record = log.open({
    method: request.method ?? "GET",
    path: request.url ?? "/",
    kind: null,
    sessionId: sessionOf(request),
    model: null,
    stream: false,
    prompt: "",
    system: "",
  });
  record.answered(status);
  record.end(status < 400 ? "finished" : "failed");
}

/** The body as text; undefined when it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    if (!(chunk instanceof Buffer)) continue;
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
