import {
  type Caller,
  clientError,
  Elsewhere,
  type Exchange,
  GatewayError,
  type JoinedSocket,
  type LocalWork,
  type NodeAddress,
  type NodeStart,
  NotBegun,
  type PassedRequest,
  type PassingOn,
  type SessionOrder,
  type SocketExchange,
} from "@claudeway/ports";
import { guardBody, hasBody, shortBody } from "./body.js";
import { pathOf, sessionNeed } from "./destination.js";
import { NOT_BEGUN } from "./headers.js";
import { noAnswer, notReached } from "./hops.js";
import { addressOf, NodeFinder, type NodeFinderOptions } from "./node-finder.js";
import { orderIn } from "./orders.js";
import { bodyAgain, canRepeat, repeat } from "./repeat.js";
import { ReplayWindow } from "./replay.js";
import { Sender, type SenderOptions } from "./sender.js";
import { PASSED, Signer } from "./signature.js";

export interface PassingOptions extends NodeFinderOptions, SenderOptions {
  /** Shared by all nodes. */
  readonly secret: string;
  /** Resolves when other nodes have no reason to pass anything on to this one, which drains. */
  readonly emptied?: () => Promise<void>;
  /** Whether the session is of this key. */
  readonly isOf: (sessionId: string, keyId: string) => Promise<boolean>;
}

/** Passes requests on to the nodes that have their sessions: signed, one hop at most. */
export class Passing implements PassingOn {
  readonly #signer: Signer;
  readonly #replays = new ReplayWindow();
  readonly #finder: NodeFinder;
  readonly #sender: Sender;
  /** Requests that may change their session and are answered here, by its id. */
  readonly #answering = new Map<string, number>();
  #work: LocalWork | undefined;

  constructor(private readonly options: PassingOptions) {
    this.#signer = new Signer(options.secret);
    this.#finder = new NodeFinder(options, () => this.#work?.load());
    this.#sender = new Sender(this.#signer, options);
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
      to = await this.#finder.nodeFor(exchange);
      if (to === undefined) return void (await next());
      body = await shortBody(exchange.request);
      await this.#sender.passOn(exchange, to, body);
    } catch (error) {
      await this.#hideFromOthers(exchange, error);
      const again = to === undefined ? bodyAgain(exchange) : body;
      if (again === undefined || !canRepeat(error, exchange)) throw error;
      const answerHere = () => {
        exchange.passedTo(this.options.self());
        return next();
      };
      await repeat(exchange, error, {
        find: () => this.#finder.nodeAgain(exchange),
        passOn: (node) => this.#sender.passOn(exchange, node, again),
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
      await this.#finder.nodeFor(exchange);
      await next();
    } catch (error) {
      if (canRepeat(error, exchange)) exchange.response.setHeader(NOT_BEGUN, "1");
      throw error;
    }
  }

  /** Throws NOT_FOUND if a session of another key is away: its node's name, and that it exists, are not for this caller. */
  async #hideFromOthers({ request, caller }: Exchange, error: unknown): Promise<void> {
    const { method = "GET", url: target = "/" } = request;
    const need = sessionNeed(method, target);
    const isAway = error instanceof GatewayError && ["UNAVAILABLE", "BAD_GATEWAY"].includes(error.code);
    if (isAway && need !== undefined && caller !== undefined) await this.#checkOwn(need.sessionId, caller);
  }

  async #checkOwn(sessionId: string, { keyId }: Caller): Promise<void> {
    if (!(await this.options.isOf(sessionId, keyId))) throw clientError("NOT_FOUND", "no such session");
  }

  async joinSocket(exchange: SocketExchange): Promise<JoinedSocket | undefined> {
    const to = this.#finder.emptierNode();
    return to && this.#sender.joinSocket(exchange, to);
  }

  async order(order: SessionOrder, sessionId: string, caller: Caller) {
    const place = await this.options.ownership.find(sessionId);
    if (place === undefined || place.at === "here") return undefined;
    await this.#checkOwn(sessionId, caller);
    return this.#sender.order(order, sessionId, caller, addressOf(place));
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
  lost(start: NodeStart): void {
    this.#sender.lost(start);
  }

  async emptied(): Promise<void> {
    await this.options.emptied?.();
  }

  close(): void {
    this.#sender.close();
  }
}

/** A request to a start of this node that is over: its sessions are free. Only nodes get this answer. */
function forEarlierStart(to: NodeStart): NotBegun {
  const { code, message, options } = notReached(to);
  return new NotBegun(code, message, { ...options, headers: { ...options.headers, [NOT_BEGUN]: "1" } });
}
