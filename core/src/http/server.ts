import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers/promises";
import type { Settings } from "@claudeway/config";
import { GatewayError } from "@claudeway/ports";
import type { GatewayMiddleware } from "./context.js";
import { answerOnSocket, answerUnparsed } from "./errors.js";
import { Exchanges, lingerOn } from "./exchanges.js";
import { IncomingRequest } from "./incoming.js";
import { normalTarget } from "./target.js";
import { finishAnswers, takeUpgrades, type UpgradeListener } from "./upgrade.js";

/** Headers of a request, name and value together, in bytes. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 200;
/** The interval of checks for slow requests, in ms, unless a limit is shorter. */
const CHECK_MS = 5_000;
/**
 * How long a connection may rest, in ms: longer than proxies keep theirs (Caddy 120 s, cloudflared 90 s, nginx 60 s), so that
 * the proxy closes it. Where the server does, a request that is on its way at that moment is lost.
 */
const IDLE_MS = 125_000;
/** A client that reads nothing of its answer for this long is disconnected, in ms. */
const STALLED_MS = 120_000;
/** Connections that wait in the system's queue, at most: Node's default. */
const MAX_WAITING = 511;
/** The share of the limit of open files that connections may use; the CLI and the ledger need files too. */
const SHARE_OF_FILES = 0.9;

type Limits = Settings["limits"];

/** The handlers of the server's requests. */
export interface Handlers {
  readonly request: RequestListener;
  /** Handles WebSocket handshakes, once earlier requests are answered. Without it, handshakes are plain requests. */
  readonly webSocket?: UpgradeListener;
}

/** Creates Node's server. Requests that Node would refuse by itself get the gateway's own error responses. */
export function createHttpServer(handlers: Handlers, limits: Limits, stalledMs = STALLED_MS): Server {
  const headersTimeout = limits.header_secs * 1000;
  const exchanges = new Exchanges((request, response) => {
    request.refusal = problemOf(request);
    handlers.request(request, response);
  });
  const begin = exchanges.begin.bind(exchanges);
  const server = createServer(
    {
      IncomingMessage: IncomingRequest,
      requireHostHeader: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout,
      requestTimeout: Math.max(limits.request_secs * 1000, headersTimeout),
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: Math.min(CHECK_MS, headersTimeout / 2),
    },
    begin,
  );
  // Depending on its version, Node drops excess headers silently or answers differently. `checkHttp` counts them,
  // and their size bounds their number.
  server.maxHeadersCount = 0;
  server.maxConnections = connectionLimit(limits.connections);
  server.on("checkExpectation", begin);
  server.on("clientError", refuseUnparsed(exchanges));
  takeUpgrades(server, exchanges, handlers.webSocket);
  refuseTunnels(server, exchanges);
  dropStalled(server, exchanges, stalledMs);
  return server;
}

/**
 * Disconnects clients that do not read their response. With `server.timeout`, Node would begin a timer anew with each read
 * and write of every connection.
 */
function dropStalled(server: Server, exchanges: Exchanges, stalledMs: number): void {
  const watched = new WeakSet<Socket>();
  server.on("connection", (socket: Socket) => {
    // A request that is put back into its connection announces that once more.
    if (watched.has(socket)) return;
    watched.add(socket);
    const look = setInterval(() => {
      if (socket.writableLength > 0 && !socket.timeout && exchanges.any(socket)) socket.setTimeout(stalledMs);
    }, stalledMs / 4);
    socket.once("close", () => clearInterval(look));
  });
  server.on("timeout", (socket) => {
    if (!exchanges.any(socket) || socket.writableLength > 0) socket.destroy();
  });
}

/**
 * Resolves when no connection waits to be accepted: one that does is reset when the port closes. Node accepts one in each
 * iteration of its event loop, and the first iteration may have looked for connections before.
 */
export async function acceptWaiting(server: Server): Promise<void> {
  let quiet = 0;
  const again = () => {
    quiet = 0;
  };
  server.on("connection", again);
  for (let round = 0; quiet++ < 2 && round < MAX_WAITING; round++) await setImmediate();
  server.off("connection", again);
}

/** Answers an unreadable request if no other response is being written, and closes the connection. */
function refuseUnparsed(exchanges: Exchanges): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const refused = new WeakSet<Duplex>();
  return (error, socket) => {
    // Node reports every further piece of an unparsable request.
    if (refused.has(socket)) return;
    if (error.code === "ECONNRESET" || !socket.writable || !exchanges.canAnswer(socket)) {
      socket.destroy();
      return;
    }
    refused.add(socket);
    answerUnparsed(error, socket);
    lingerOn(socket);
  };
}

/** Refuses CONNECT requests: the gateway is not a proxy. */
function refuseTunnels(server: Server, exchanges: Exchanges): void {
  server.on("connect", async (_request, socket) => {
    // Node has taken its own listener away: an error without one would end the process.
    socket.on("error", () => socket.destroy());
    await finishAnswers(server, exchanges, socket);
    answerOnSocket(new GatewayError("BAD_REQUEST", "CONNECT is not supported: this is not a proxy"), socket);
    lingerOn(socket);
  });
}

/**
 * Answers requests that `checkHttp` refuses and closes the connection, because the start of the next request is
 * uncertain.
 */
export function refuseBadHttp(): GatewayMiddleware {
  return (ctx, next) => {
    const refusal = ctx.req instanceof IncomingRequest ? ctx.req.refusal : undefined;
    if (refusal === undefined) return next();
    ctx.set("connection", "close");
    throw refusal;
  };
}

function problemOf(request: IncomingMessage): GatewayError | undefined {
  try {
    checkHttp(request);
    return undefined;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

/**
 * Refuses requests that Node accepts but that are not valid HTTP/1.1 (RFC 9112, 3.2; RFC 9110, 7.2 and 10.1.1) or are
 * too large, and normalises the target of all others. Throws BAD_REQUEST or HEADERS_TOO_LARGE.
 */
export function checkHttp(request: IncomingMessage): void {
  const { httpVersion, headers, rawHeaders } = request;
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    throw new GatewayError("HEADERS_TOO_LARGE", `the request must have at most ${MAX_HEADERS} header fields`);
  }
  request.url = normalTarget(request.url ?? "/");
  if (httpVersion === "1.0" && headers["transfer-encoding"] !== undefined) {
    throw new GatewayError("BAD_REQUEST", "Transfer-Encoding is allowed only with HTTP/1.1");
  }
  if (httpVersion === "1.1" && headers.host === undefined) {
    throw new GatewayError("BAD_REQUEST", "Host is missing; HTTP/1.1 requires it");
  }
  if (headers.host !== undefined) checkHost(headers.host, rawHeaders);
  const { expect: expected } = headers;
  if (expected !== undefined && expected.toLowerCase() !== "100-continue") {
    throw new GatewayError("BAD_REQUEST", `Expect must be 100-continue, got ${JSON.stringify(expected)}`);
  }
}

const HOST = /^(?:[A-Za-z0-9._~%!$'()*+;=-]*|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/;

/** Refuses repeated or invalid Host headers, which a proxy in front may have interpreted differently. */
function checkHost(host: string, rawHeaders: readonly string[]): void {
  if (!HOST.test(host)) {
    throw new GatewayError(
      "BAD_REQUEST",
      `Host must be a host name with or without a port, got ${JSON.stringify(host.slice(0, 80))}`,
    );
  }
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === "host") count++;
  }
  if (count > 1) throw new GatewayError("BAD_REQUEST", "Host must be given once");
}

/** The configured limit, or the system's if that is lower: without free file descriptors, nothing works. */
function connectionLimit(configured: number): number {
  return Math.min(configured, Math.floor(openFilesLimit() * SHARE_OF_FILES));
}

/** How many files this process may have open (Node has raised that to the hard limit); Infinity if unknown. */
function openFilesLimit(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
