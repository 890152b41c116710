import {
  Elsewhere,
  type Exchange,
  type LocalWork,
  type NodeAddress,
  type NodeRecord,
  type Ownership,
  type Place,
  retryLater,
} from "@claudeway/ports";
import { isTask, type Need, sessionNeed } from "./destination.js";
import { EmptierNode } from "./emptier.js";

export interface NodeFinderOptions {
  readonly ownership: Ownership;
  /** The other nodes that live. */
  readonly others: () => readonly NodeRecord[];
}

const NO_ROOM = { running: Number.POSITIVE_INFINITY, queued: 0, maxRunning: 0 };

/** Finds the nodes that requests belong to. */
export class NodeFinder {
  readonly #emptier = new EmptierNode();
  readonly #finding = new Map<string, Promise<Place | undefined>>();

  /** @param load how many turns run and wait here; undefined before the first request */
  constructor(
    private readonly options: NodeFinderOptions,
    private readonly load: () => ReturnType<LocalWork["load"]> | undefined,
  ) {}

  /** The node that has to answer; undefined: this one. Throws UNAVAILABLE if that is away, or the hop is used up. */
  async nodeFor({ request, passed }: Exchange): Promise<NodeAddress | undefined> {
    const { method = "GET", url: target = "/" } = request;
    const need = sessionNeed(method, target);
    if (need === undefined)
      return !passed && isTask(method, target) && request.headers["idempotency-key"] === undefined
        ? this.emptierNode()
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

  /** The node that has to answer a request that was refused; undefined: this one. */
  async nodeAgain(exchange: Exchange): Promise<NodeAddress | undefined> {
    const { method = "GET", url = "/" } = exchange.request;
    if (sessionNeed(method, url) !== undefined) return this.nodeFor(exchange);
    return this.emptierNode(NO_ROOM);
  }

  /** A node that has fewer turns than this one; undefined: the request stays here. */
  emptierNode(load = this.load()): NodeRecord | undefined {
    if (load === undefined) return undefined;
    const others = this.options.others().filter(({ state }) => state === "up");
    this.#emptier.keep(others);
    const found = this.#emptier.find(others, load);
    if (found !== undefined) this.#emptier.sent(found);
    return found;
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
}

/** Throws UNAVAILABLE if the node is away. */
export function addressOf(place: Exclude<Place, { readonly at: "here" }>): NodeAddress {
  if (place.at === "elsewhere") return place.node;
  throw retryLater(`the node ${place.node}, which has this session, is away`, 5);
}
