import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Settings } from "@claudeway/config";
import { GatewayError } from "../errors.js";
import type { GatewayMiddleware } from "./context.js";
import { answerUnparsed } from "./errors.js";
import { Exchanges } from "./exchanges.js";
import { declineOtherUpgrades } from "./upgrade.js";

/** Headers of a request, name and value together, in bytes. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 200;
/** How often connections are looked through for slow requests, in ms, unless a limit is shorter than that. */
const CHECK_MS = 5_000;
/** A client that takes nothing of its answer for so long is hung up on, in ms. */
const STALLED_MS = 120_000;
/** How long what still comes from a client that has had its answer is read and thrown away, in ms. */
const LINGER_MS = 1_000;
/** The share of the files that the process may open which connections may take; the CLI and the ledger need some too. */
const SHARE_OF_FILES = 0.9;

/** Node's server in front of the chain. What it would refuse by itself without a word comes to the chain instead. */
export function createHttpServer(handle: RequestListener, limits: Settings["limits"]): Server {
  const headersTimeout = limits.header_secs * 1000;
  const exchanges = new Exchanges();
  const begin: RequestListener = (request, response) => {
    exchanges.begin(request, response);
    // Taken now: a request that a route gives up reading has none any more.
    const { socket } = request;
    // Who is answered already (too large, no key) has no reason to go on sending.
    response.once("finish", () => request.complete || lingerOn(socket, () => request.complete));
    handle(request, response);
  };
  const server = createServer(
    {
      requireHostHeader: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout,
      requestTimeout: Math.max(limits.request_secs * 1000, headersTimeout),
      connectionsCheckingInterval: Math.min(CHECK_MS, headersTimeout / 2),
    },
    begin,
  );
  // Node's own count drops the rest without a word, or says something else, by its version; ours is in `checkHttp`, and how
  // many there can be is bounded by their size.
  server.maxHeadersCount = 0;
  server.maxConnections = connectionLimit(limits.connections);
  server.on("checkExpectation", begin);
  server.on("clientError", refuseUnparsed(exchanges));
  declineOtherUpgrades(server, exchanges);
  server.timeout = STALLED_MS;
  // Who waits for an answer is silent, and may be; who does not take it, or asks for none, is hung up on.
  server.on("timeout", (socket) => {
    if (!exchanges.any(socket) || socket.writableLength > 0) socket.destroy();
  });
  return server;
}

/** Answers what Node can't read where an answer can be told from those that are under way, and hangs up. */
function refuseUnparsed(exchanges: Exchanges): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const refused = new WeakSet<Duplex>();
  return (error, socket) => {
    // Each further piece of what can't be read is told again.
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

/** Hangs up in a moment, unless something is over by then: at once would be a reset, and take the answer along. */
export function lingerOn(socket: Duplex, over: () => boolean = () => false): void {
  const stop = () => clearTimeout(hangUp);
  const hangUp = setTimeout(() => {
    socket.off("close", stop);
    if (!over()) socket.destroy();
  }, LINGER_MS);
  socket.once("close", stop);
}

/** Refuses what is well-formed but not HTTP/1.1 (RFC 9112, 3.2, and RFC 9110, 10.1.1), or too much. */
export function refuseBadHttp(): GatewayMiddleware {
  return async (ctx, next) => {
    checkHttp(ctx.req);
    await next();
  };
}

/** Throws BAD_REQUEST or HEADERS_TOO_LARGE. */
export function checkHttp({ httpVersion, headers, rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    throw new GatewayError("HEADERS_TOO_LARGE", `there are more than ${MAX_HEADERS} header fields`);
  }
  if (httpVersion === "1.1" && headers.host === undefined) {
    throw new GatewayError("BAD_REQUEST", "Host: is missing; HTTP/1.1 takes one");
  }
  const { expect: expected } = headers;
  if (expected !== undefined && expected.toLowerCase() !== "100-continue") {
    throw new GatewayError("BAD_REQUEST", `Expect: is ${JSON.stringify(expected)}; takes 100-continue`);
  }
}

/** The configured limit, or what the system allows if that is less: without a file left, nothing works any more. */
function connectionLimit(configured: number): number {
  return Math.min(configured, Math.floor(openFilesLimit() * SHARE_OF_FILES));
}

/** How many files this process may have open (Node has raised that to the hard limit); Infinity where nobody tells. */
function openFilesLimit(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
