import { randomUUID } from "node:crypto";
import {
  type Caller,
  clientError,
  Elsewhere,
  type Exchange,
  GatewayError,
  type JoinedSocket,
  type LocalWork,
  type NodeAddress,
  type NodeRecord,
  type NodeStart,
  NotBegun,
  type Ownership,
  type PassedRequest,
  type PassingOn,
  type Place,
  type SessionOrder,
  type SocketExchange,
} from "@claudeway/ports";
import { guardBody, hasBody, shortBody } from "./body.js";
import { isPrompt, isTask, type Need, pathOf, sessionNeed } from "./destination.js";
import { EmptierNode } from "./emptier.js";
import { forward } from "./forward.js";
import { type HeaderValues, NOT_BEGUN, passedHeaders } from "./headers.js";
import { Hops, NoAnswer, noAnswer, notReached } from "./hops.js";
import type { LostAnswers } from "./lost-answers.js";
import { orderIn, orderPath, sendOrder } from "./orders.js";
import { bodyAgain, canRepeat, repeat } from "./repeat.js";
import { ReplayWindow } from "./replay.js";
import { digestOf, PASSED, Signer } from "./signature.js";
import { joinSockets } from "./sockets.js";

export interface PassingOptions {
  /** Shared by all nodes. */
  readonly secret: string;
  readonly ownership: Ownership;
  /** This start of this node, at the moment. */
  readonly self: () => NodeStart;
  /** The other nodes that live. */
  readonly others: () => readonly NodeRecord[];
  /** Resolves when other nodes have no reason to pass anything on to this one, which drains. */
  readonly emptied?: () => Promise<void>;
  readonly lostAnswers?: LostAnswers;
  /** Whether the session is of this key. */
  readonly isOf: (sessionId: string, keyId: string) => Promise<boolean>;
}

/** Passes requests on to the nodes that have their sessions: signed, one hop at most. */
export class Passing implements PassingOn {
  readonly #hops = new Hops();
  readonly #signer: Signer;
  readonly #replays = new ReplayWindow();
  readonly #emptier = new EmptierNode();
  /** Requests that may change their session and are answered here, by its id. */
  readonly #answering = new Map<string, number>();
  readonly #finding = new Map<string, Promise<Place | undefined>>();
  #number = 0;
  #work: LocalWork | undefined;

  constructor(private readonly options: PassingOptions) {
    this.#signer = new Signer(options.secret);
  }

  serve(work: LocalWork): void {
    this.#work = work;
  }

  received(request: Exchange["request"]): PassedRequest | undefined {
    const value = request.headers[PASSED];
    if (value === undefined) return undefined;
    const { method = "GET", url: target = "/", headers } = request;
    const passed = this.#signer.verify(String(value), { method, target, headers });
    delete headers[PASSED];
    if (passed === undefined) throw clientError("UNAUTHORIZED", `${PASSED} must be signed by a node`);
    const self = this.options.self();
    const isHere = passed.to.node === self.node && passed.to.incarnation === self.incarnation;
    if (!isHere) throw forEarlierStart(passed.to);
    if (!this.#replays.accept(passed.from, passed.number)) throw noAnswer(passed.to);
    if (passed.digest !== undefined && hasBody(request)) guardBody(request, passed.digest);
    return passed;
  }

  /** Whether a request is answered here that may begin something in the session: its body may still be on its way. */
  isAnswering(sessionId: string): boolean {
    return this.#answering.has(sessionId);
  }

  async answer(exchange: Exchange, answered: () => Promise<unknown>): Promise<void> {
    const next = () => this.#answerHere(exchange.request, answered);
    if (exchange.passed) return this.#answerPassed(exchange, next);
    let to: NodeAddress | undefined;
    let body: Buffer | undefined;
    try {
      to = await this.#nodeFor(exchange);
      if (to === undefined) return void (await next());
      body = await shortBody(exchange.request);
      await this.#passOn(exchange, to, body);
    } catch (error) {
      await this.#hideFromOthers(exchange, error);
      const again = to === undefined ? bodyAgain(exchange) : body;
      if (again === undefined || !canRepeat(error, exchange)) throw error;
      const answerHere = () => {
        exchange.passedTo(this.options.self());
        return next();
      };
      await repeat(exchange, error, {
        find: () => this.#nodeAgain(exchange),
        passOn: (node) => this.#passOn(exchange, node, again),
        here: to === undefined ? undefined : answerHere,
      });
    } finally {
      // What was put back.
      if (body !== undefined) exchange.request.resume();
    }
  }

  async #answerHere(
    { method = "GET", url = "/" }: Exchange["request"],
    next: () => Promise<unknown>,
  ): Promise<unknown> {
    const sessionId = sessionNeed(method, url)?.sessionId;
    if (sessionId === undefined || method === "GET" || method === "HEAD") return next();
    this.#answering.set(sessionId, (this.#answering.get(sessionId) ?? 0) + 1);
    try {
      return await next();
    } finally {
      const left = (this.#answering.get(sessionId) ?? 0) - 1;
      if (left > 0) this.#answering.set(sessionId, left);
      else this.#answering.delete(sessionId);
    }
  }

  /** Tells the node that passed a request on if nothing of it was begun here. */
  async #answerPassed(exchange: Exchange, next: () => Promise<unknown>): Promise<void> {
    try {
      if (await this.#carryOut(exchange)) return;
      await this.#nodeFor(exchange);
      await next();
    } catch (error) {
      if (canRepeat(error, exchange)) exchange.response.setHeader(NOT_BEGUN, "1");
      throw error;
    }
  }

  /** The node that has to answer a request that was refused; undefined: this one. */
  async #nodeAgain(exchange: Exchange): Promise<NodeAddress | undefined> {
    const { method = "GET", url = "/" } = exchange.request;
    if (sessionNeed(method, url) !== undefined) return this.#nodeFor(exchange);
    return this.#emptierNode(NO_ROOM);
  }

  /** The node that has to answer; undefined: this one. Throws UNAVAILABLE if that is away, or the hop is used up. */
  async #nodeFor({ request, passed }: Exchange): Promise<NodeAddress | undefined> {
    const { method = "GET", url: target = "/" } = request;
    const need = sessionNeed(method, target);
    if (need === undefined)
      return !passed && isTask(method, target) && request.headers["idempotency-key"] === undefined
        ? this.#emptierNode()
        : undefined;
    const { needs } = need;
    const place = await this.#placeOf(need);
    if (place === undefined || place.at === "here") return undefined;
    // The ledger knows the session, if not what its process does.
    if (place.at === "away" && needs === "look") return undefined;
    const node = addressOf(place);
    // It has moved since the other node looked: the client asks again.
    if (passed) throw new Elsewhere(node);
    return node;
  }

  /** Throws NOT_FOUND if a session of another key is away: its node's name, and that it exists, are not for this caller. */
  async #hideFromOthers({ request, caller }: Exchange, error: unknown): Promise<void> {
    const { method = "GET", url: target = "/" } = request;
    const need = sessionNeed(method, target);
    const isAway = error instanceof GatewayError && error.code === "UNAVAILABLE";
    if (isAway && need !== undefined && caller !== undefined) await this.#checkOwn(need.sessionId, caller);
  }

  async #checkOwn(sessionId: string, { keyId }: Caller): Promise<void> {
    if (!(await this.options.isOf(sessionId, keyId))) throw clientError("NOT_FOUND", "no such session");
  }

  /** A look costs a statement without a lock, a claim a transaction: sessions of other nodes are mostly found by looks. */
  async #placeOf({ sessionId, needs }: Need): Promise<Place | undefined> {
    const { ownership } = this.options;
    if (ownership.fenced.aborted) return ownership.claim(sessionId);
    const found = await this.#find(sessionId);
    return found?.at === "elsewhere" || needs === "look" ? found : ownership.claim(sessionId);
  }

  /** One look for all that ask meanwhile: so that a session's requests are passed on in the order of their arrival. */
  async #find(sessionId: string): Promise<Place | undefined> {
    const finding = this.#finding.get(sessionId) ?? this.options.ownership.find(sessionId);
    this.#finding.set(sessionId, finding);
    try {
      return await finding;
    } finally {
      if (this.#finding.get(sessionId) === finding) this.#finding.delete(sessionId);
    }
  }

  #emptierNode(load = this.#work?.load()): NodeRecord | undefined {
    if (load === undefined) return undefined;
    const others = this.options.others().filter(({ state }) => state === "up");
    this.#emptier.keep(others);
    const found = this.#emptier.find(others, load);
    if (found !== undefined) this.#emptier.sent(found);
    return found;
  }

  async #passOn(exchange: Exchange, to: NodeAddress, body: Buffer | undefined): Promise<void> {
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
      const isLost = error instanceof NoAnswer && body !== undefined;
      throw isLost && (await this.#changedNothing(method, turnId, to)) ? notReached(to) : error;
    }
  }

  /** Whether it is certain that a request without an answer did nothing. */
  async #changedNothing(method: string, turnId: string | undefined, by: NodeStart): Promise<boolean> {
    if (method === "GET" || method === "HEAD") return true;
    if (turnId === undefined) return false;
    return (await this.options.lostAnswers?.neverBegun(turnId, by)) ?? false;
  }

  #sign(
    { requestId, clientAddress, caller, turnId }: Omit<PassedRequest, "from">,
    to: NodeAddress,
    head: { readonly method: string; readonly target: string; readonly headers: HeaderValues },
    digest?: string,
  ): string {
    const claims = { requestId, clientAddress, caller, turnId, from: this.options.self(), to, digest };
    return this.#signer.sign({ ...claims, number: ++this.#number }, head);
  }

  async joinSocket(exchange: SocketExchange): Promise<JoinedSocket | undefined> {
    const to = this.#emptierNode();
    if (to === undefined) return undefined;
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

  async order(order: SessionOrder, sessionId: string, caller: Caller) {
    const place = await this.options.ownership.find(sessionId);
    if (place === undefined || place.at === "here") return undefined;
    await this.#checkOwn(sessionId, caller);
    const to = addressOf(place);
    const path = orderPath(order, sessionId);
    const asked = { requestId: "", clientAddress: "", caller };
    const headers: HeaderValues = { "content-length": "0" };
    headers[PASSED] = this.#sign(asked, to, { method: "POST", target: path, headers });
    return sendOrder(this.#hops.open(to, { method: "POST", path, headers }), to);
  }

  async bring(sessionId: string, caller: Caller): Promise<void> {
    const { ownership } = this.options;
    if (ownership.held(sessionId) === undefined) await this.#checkOwn(sessionId, caller);
    const place = await ownership.claim(sessionId);
    if (place.at === "here") return;
    const node = addressOf(place);
    const isFree = await this.order("hand-over", sessionId, caller);
    if (isFree === false || (await ownership.claim(sessionId)).at !== "here") throw new Elsewhere(node);
  }

  async checkTurn({ sessionId }: { readonly sessionId: string }, need?: "if it answers"): Promise<void> {
    const place = await this.options.ownership.find(sessionId);
    if (place === undefined || place.at === "here") return;
    if (place.at === "elsewhere" || need === undefined) throw new Elsewhere(addressOf(place));
  }

  async nodeOf(sessionId: string): Promise<string | undefined> {
    const place = await this.options.ownership.find(sessionId);
    return place?.at === "elsewhere" ? place.node.node : undefined;
  }

  checkStart({ node, incarnation }: NodeStart): void {
    const found = this.options.others().find((other) => other.node === node);
    if (found?.incarnation === incarnation) throw new Elsewhere(found);
  }

  /** Carries out what another node asks for. False: the request is an ordinary one. */
  async #carryOut({ request, response, caller }: Exchange): Promise<boolean> {
    const asked = request.method === "POST" ? orderIn(pathOf(request.url ?? "/")) : undefined;
    if (asked === undefined || caller === undefined || this.#work === undefined) return false;
    const { order, sessionId } = asked;
    const isKept = order === "hand-over" && this.isAnswering(sessionId);
    const done = !isKept && (await this.#work.carryOut(order, sessionId, caller));
    const claim = this.options.ownership.held(sessionId);
    if (done && order === "hand-over" && claim !== undefined) await this.options.ownership.release(claim);
    response.statusCode = 200;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ done }));
    return true;
  }

  /** Ends what waits for a start of a node that is dead. */
  lost({ node, incarnation }: NodeStart): void {
    this.#hops.lost(node, incarnation);
  }

  async emptied(): Promise<void> {
    await this.options.emptied?.();
  }

  close(): void {
    this.#hops.close();
  }
}

const NO_ROOM = { running: Number.POSITIVE_INFINITY, queued: 0, maxRunning: 0 };

/** A request to a start of this node that is over: its sessions are free. Only nodes get this answer. */
function forEarlierStart(to: NodeStart): NotBegun {
  const { code, message, options } = notReached(to);
  return new NotBegun(code, message, { ...options, headers: { ...options.headers, [NOT_BEGUN]: "1" } });
}

/** Throws UNAVAILABLE if the node is away. */
function addressOf(place: Exclude<Place, { readonly at: "here" }>): NodeAddress {
  if (place.at === "elsewhere") return place.node;
  throw new GatewayError("UNAVAILABLE", `the node ${place.node}, which has this session, is away`, {
    headers: { "retry-after": "5" },
  });
}
