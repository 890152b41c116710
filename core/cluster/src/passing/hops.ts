import http, { type ClientRequest, type IncomingMessage } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import { GatewayError, type NodeAddress, NotBegun } from "@claudeway/ports";
import type { HeaderValues } from "./headers.js";

/** How long a node may take to accept a connection, in ms. */
const CONNECT_MS = 3_000;
/** Idle connections are closed before the other node does that (after 125 s), so that no request meets a closed one. */
const IDLE_MS = 60_000;
const MAX_IDLE = 64;
/** A connection to a machine that is gone is noticed after some of these, in ms. */
const KEEP_ALIVE_MS = 10_000;
const RETRY_SECS = 2;

const AGENT = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, timeout: IDLE_MS, maxFreeSockets: MAX_IDLE };

/** Connections to other nodes, and the requests and WebSockets on them that are not over. */
export class Hops {
  readonly #http = new http.Agent(AGENT);
  readonly #https = new https.Agent(AGENT);
  readonly #open = new Map<ClientRequest | Duplex, NodeAddress>();

  /** Opens a request. The caller sends it. */
  open(
    to: NodeAddress,
    options: { readonly method: string; readonly path: string; readonly headers: HeaderValues },
    kept = true,
  ): ClientRequest {
    const url = new URL(to.url);
    const [client, agent] = url.protocol === "https:" ? [https, this.#https] : [http, this.#http];
    const { hostname, port } = url;
    const request = client.request({
      ...options,
      // The client's own name of the gateway stays; HTTP/1.0 needs none.
      headers: { host: url.host, ...options.headers },
      host: hostname.replace(/^\[|\]$/g, ""),
      port,
      agent: kept ? agent : false,
    });
    this.#watch(request, to);
    return request;
  }

  #watch(request: ClientRequest, to: NodeAddress): void {
    this.#keep(request, to);
    // A request that is upgraded closes at once; its connection stays.
    request.prependOnceListener("upgrade", (_answer, socket) => this.#keep(socket, to));
    request.once("socket", (socket) => {
      // The agent does that for connections that wait for a request.
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      if (!socket.connecting) return;
      const late = setTimeout(() => request.destroy(new Error("no connection in time")), CONNECT_MS);
      socket.once("connect", () => clearTimeout(late)).once("close", () => clearTimeout(late));
    });
  }

  #keep(one: ClientRequest | Duplex, to: NodeAddress): void {
    this.#open.set(one, to);
    one.once("close", () => this.#open.delete(one));
  }

  /** Ends the requests and WebSockets to a start of a node that is dead. */
  lost(node: string, incarnation: number): void {
    for (const [one, to] of this.#open)
      if (to.node === node && to.incarnation <= incarnation) one.destroy(new Error("the node is lost"));
  }

  close(): void {
    for (const one of this.#open.keys()) one.destroy(new Error("the gateway is closed"));
    this.#http.destroy();
    this.#https.destroy();
  }
}

const AGAIN = { headers: { "retry-after": String(RETRY_SECS) } };

/** A node that was reached gave no answer: what it began is unknown. */
export class NoAnswer extends GatewayError {}

/** The answer to a request of a session whose node can't be asked. */
export function noAnswer({ node }: Pick<NodeAddress, "node">): NoAnswer {
  return new NoAnswer("UNAVAILABLE", `the node ${node} does not answer; try again`, AGAIN);
}

/**
 * The same where a request may have begun a turn, which goes on or was paid for. Clients must not repeat it by themselves: those
 * of OpenAI and Anthropic repeat a 502 without the header.
 */
export function mayHaveRun({ node }: Pick<NodeAddress, "node">): GatewayError {
  return new GatewayError(
    "BAD_GATEWAY",
    `the node ${node} may have received the request, but did not answer: it may have been carried out. ` +
      "Check GET /tasks or the messages of the session before you repeat it; with the same Idempotency-Key, a repeat is safe",
    { headers: { "x-should-retry": "false" } },
  );
}

/** The same where nothing can have reached the node. */
export function notReached({ node }: Pick<NodeAddress, "node">): NotBegun {
  return new NotBegun("UNAVAILABLE", `the node ${node} does not answer; try again`, AGAIN);
}

/** Returns the error of a request without an answer. To be called before the request has a socket. */
export function failureOf(request: ClientRequest, to: NodeAddress): () => GatewayError {
  let isConnected = false;
  request.once("socket", (socket) => {
    if (!socket.connecting) isConnected = true;
    else socket.once("connect", () => (isConnected = true));
  });
  return () => (isConnected ? noAnswer(to) : notReached(to));
}

/** Resolves to the head of the answer. Rejects with UNAVAILABLE. To be called before the request has a socket. */
export function answerTo(request: ClientRequest, to: NodeAddress): Promise<IncomingMessage> {
  const failure = failureOf(request, to);
  return new Promise((resolve, reject) => {
    const fail = () => reject(failure());
    request.once("response", resolve);
    // Also after the answer began: an error without a listener would end the process.
    request.on("error", fail);
    request.once("close", fail);
  });
}
