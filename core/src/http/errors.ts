import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Mount } from "@claudeway/kernel";
import { GatewayError, toGatewayError } from "@claudeway/ports";
import { ERROR_STATUS, type ErrorCode, type ErrorResponse, isObject } from "@claudeway/schemas";
import type { Logger } from "pino";
import { redactTokens } from "../approvals/links.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { shownHeaders } from "./request-info.js";
import { sendJson } from "./send-json.js";

/** Converts any error of a route to a response. For a defect of the gateway, the client gets only an id. */
export function errorResponses(log: Logger): GatewayMiddleware {
  return (ctx, next) =>
    next().catch((thrown: unknown) => {
      sendError(ctx, toGatewayError(thrown) ?? defect(thrown, ctx, log), log);
    });
}

/** Answers with an error that is expected, and so need not be thrown, which costs a tenth of the answer. */
export function refuse(ctx: GatewayContext, error: GatewayError, log: Logger): Promise<void> {
  sendError(ctx, error, log);
  return REFUSED;
}

const REFUSED = Promise.resolve();

/** What a route has said of its body, which the error replaces. */
const OF_A_BODY = ["content-encoding", "content-disposition", "etag", "last-modified"];

export function sendError(ctx: GatewayContext, error: GatewayError, log: Logger): void {
  ctx.status = error.status;
  // A request that is not valid HTTP has no destination.
  const mount: Mount | undefined = ctx.state.destination?.mount;
  if (!ctx.res.headersSent) {
    for (const name of OF_A_BODY) ctx.res.removeHeader(name);
    // As `ctx.set` does, without the lists that it makes of them.
    for (const [name, value] of Object.entries(error.options.headers ?? {})) ctx.res.setHeader(name, value);
    if (error.status === 401 && mount !== undefined) challenge(ctx, mount, log);
  }
  sendJson(ctx, mount?.errors === undefined ? errorView(error) : bodyOf(mount, error, log));
}

/** The body in the format of the mount. A mount that fails to make one does not hide the error. */
function bodyOf({ errors, enter, plugin }: Mount, error: GatewayError, log: Logger): object {
  const view = errorView(error);
  if (errors === undefined) return view;
  try {
    const ask = () => errors({ ...view, status: error.status });
    const body: unknown = enter === undefined ? ask() : enter(ask);
    if (isObject(body)) return body;
    log.error({ plugin }, `plugin ${plugin}: errors must return an object`);
  } catch (failure) {
    log.error({ err: failure, plugin }, `plugin ${plugin}: errors failed`);
  }
  return view;
}

/** Says how to authenticate, in the words of the mount; if it fails to, `Bearer` has been said. */
function challenge(ctx: GatewayContext, { challenge: ask, enter, plugin }: Mount, log: Logger): void {
  if (ask === undefined) return;
  const value = () => ask(shownHeaders(ctx));
  try {
    ctx.res.setHeader("www-authenticate", enter === undefined ? value() : enter(value));
  } catch (failure) {
    log.error({ err: failure, plugin }, `plugin ${plugin}: challenge failed`);
  }
}

/** The body of an error response. */
function errorView({ message, code, options }: GatewayError): ErrorResponse {
  return { error: message, code: options.ownCode ?? code, ...options.details };
}

function defect(thrown: unknown, ctx: GatewayContext, log: Logger): GatewayError {
  const id = ctx.state.requestId;
  log.error(
    { err: thrown, request_id: id, method: ctx.method, path: redactTokens(ctx.path) },
    "a request failed with an internal error",
  );
  return internalError(id);
}

/** The error for a defect of the gateway; the log has the details under `id`. */
export function internalError(id: string): GatewayError {
  return new GatewayError("INTERNAL_ERROR", `internal error; quote ${id}`, { details: { id } });
}

const PARSER_ERRORS: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: "HEADERS_TOO_LARGE",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "PAYLOAD_TOO_LARGE",
  ERR_HTTP_REQUEST_TIMEOUT: "TIMEOUT",
};

/** Answers requests that Node refuses before Koa sees them, in the same format. */
export function answerUnparsed(error: NodeJS.ErrnoException, socket: Duplex): void {
  const code = PARSER_ERRORS[error.code ?? ""] ?? "BAD_REQUEST";
  const message =
    code === "BAD_REQUEST"
      ? "not a well-formed HTTP request"
      : (STATUS_CODES[ERROR_STATUS[code]] ?? code).toLowerCase();
  answerOnSocket(new GatewayError(code, message), socket);
}

/** Answers on a bare socket, for requests without a response object, and closes the connection. */
export function answerOnSocket(error: GatewayError, socket: Duplex, requestId?: string): void {
  const { status } = error;
  const body = JSON.stringify(errorView(error));
  const headers = {
    ...(requestId !== undefined && { "x-request-id": requestId }),
    ...error.options.headers,
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${body}`);
}
