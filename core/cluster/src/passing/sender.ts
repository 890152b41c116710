import { randomUUID } from "node:crypto";
import {
  type Caller,
  type Exchange,
  type JoinedSocket,
  type NodeAddress,
  type NodeStart,
  NotBegun,
  type PassedRequest,
  type SessionOrder,
  type SocketExchange,
} from "@claudeway/ports";
import { hasBody } from "./body.js";
import { isPrompt } from "./destination.js";
import { forward } from "./forward.js";
import { type HeaderValues, passedHeaders } from "./headers.js";
import { Hops, mayHaveRun, NoAnswer, notReached } from "./hops.js";
import type { LostAnswers } from "./lost-answers.js";
import { orderPath, sendOrder } from "./orders.js";
import { digestOf, PASSED, type Signer } from "./signature.js";
import { joinSockets } from "./sockets.js";

/** Methods whose repeats do nothing more (RFC 9110, section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]);

export interface SenderOptions {
  /** This start of this node, at the moment. */
  readonly self: () => NodeStart;
  readonly lostAnswers?: LostAnswers;
}

/** Sends signed requests to other nodes. */
export class Sender {
  readonly #hops = new Hops();
  readonly #closed = new AbortController();
  #number = 0;

  constructor(
    private readonly signer: Signer,
    private readonly options: SenderOptions,
  ) {}

  /**
   * Has a node answer a request. Rejects with NotBegun if it is certain that the node did nothing, and with BAD_GATEWAY if it
   * may have begun what the request asks for.
   */
  async passOn(exchange: Exchange, to: NodeAddress, body: Buffer | undefined): Promise<void> {
    const { request } = exchange;
    const { method = "GET", url: path = "/" } = request;
    const headers = passedHeaders(request, exchange.caller !== undefined);
    if (body !== undefined && hasBody(request)) headers["content-length"] = String(body.length);
    else if (body === undefined && headers["content-length"] === undefined)
      headers["transfer-encoding"] = "chunked";
    const digest = body === undefined ? undefined : digestOf(body);
    const turnId = isPrompt(method, path) ? randomUUID() : undefined;
    headers[PASSED] = this.#sign({ ...exchange, turnId }, to, { method, target: path, headers }, digest);
    exchange.passedTo(to);
    try {
      await forward(exchange, this.#hops.open(to, { method, path, headers }), to, body);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      const changedNothing = await this.#changedNothing(method, turnId, to);
      if (changedNothing && body !== undefined) throw notReached(to);
      throw changedNothing || IDEMPOTENT.has(method) ? error : mayHaveRun(to);
    }
  }

  /** Joins a WebSocket to the node. Resolves once it has closed; undefined: the node began nothing. */
  async joinSocket(exchange: SocketExchange, to: NodeAddress): Promise<JoinedSocket | undefined> {
    const { request } = exchange;
    const { url: path = "/" } = request;
    const headers = {
      ...passedHeaders(request, true),
      connection: "Upgrade",
      upgrade: "websocket",
    };
    const passed = this.#sign(exchange, to, { method: "GET", target: path, headers });
    const hop = this.#hops.open(
      to,
      { method: "GET", path, headers: { ...headers, [PASSED]: passed } },
      false,
    );
    try {
      return { node: to.node, status: await joinSockets(exchange, hop, to) };
    } catch (error) {
      // It began nothing: the task can run here.
      if (error instanceof NotBegun) return undefined;
      throw error;
    }
  }

  /** Has a node carry an order out; false: there was nothing to do. Throws UNAVAILABLE if it does not answer. */
  async order(order: SessionOrder, sessionId: string, caller: Caller, to: NodeAddress): Promise<boolean> {
    const path = orderPath(order, sessionId);
    const asked = { requestId: "", clientAddress: "", caller };
    const headers: HeaderValues = { "content-length": "0" };
    headers[PASSED] = this.#sign(asked, to, { method: "POST", target: path, headers });
    return sendOrder(this.#hops.open(to, { method: "POST", path, headers }), to);
  }

  /** Ends the requests and WebSockets to a start of a node that is dead. */
  lost({ node, incarnation }: NodeStart): void {
    this.#hops.lost(node, incarnation);
  }

  /** Requests that are open are answered at once. */
  close(): void {
    this.#closed.abort();
    this.#hops.close();
  }

  /** Whether it is certain that a request without an answer did nothing. */
  async #changedNothing(method: string, turnId: string | undefined, by: NodeStart): Promise<boolean> {
    if (method === "GET" || method === "HEAD") return true;
    if (turnId === undefined) return false;
    return (await this.options.lostAnswers?.neverBegun(turnId, by, this.#closed.signal)) ?? false;
  }

  #sign(
    { requestId, clientAddress, caller, turnId }: Omit<PassedRequest, "from">,
    to: NodeAddress,
    head: { readonly method: string; readonly target: string; readonly headers: HeaderValues },
    digest?: string,
  ): string {
    const claims = { requestId, clientAddress, caller, turnId, from: this.options.self(), to, digest };
    return this.signer.sign({ ...claims, number: ++this.#number }, head);
  }
}
