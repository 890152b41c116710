import { setMaxListeners } from "node:events";
import {
  type Claim,
  type NewOwner,
  type NodeBook,
  type NodeRecord,
  type Ownership,
  type Place,
  retryLater,
} from "@claudeway/ports";
import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import type { ClusterNode } from "./node.js";
import type { Term } from "./term.js";
import type { Timing } from "./timing.js";
import { lives } from "./watch.js";

export interface SessionClaimsOptions {
  readonly book: NodeBook;
  readonly node: Pick<ClusterNode, "term" | "nodes" | "name" | "condition">;
  readonly timing: Pick<Timing, "beat">;
  readonly clock: Clock;
  /** Records what an earlier owner of a session left open, before anything new begins in it. */
  readonly recover: (sessionId: string, claim: Claim) => Promise<void>;
  /** Whether sessions stay with the node that has their folders. */
  readonly pins: boolean;
  readonly log: Logger;
}

interface Held {
  readonly claim: Claim;
  readonly term: Term;
  readonly control: AbortController;
  /** When it was last asked for, by the clock. */
  usedAt: number;
}

/** What is known of sessions that may be freed. */
export interface IdleSessions {
  isBusy(sessionId: string): boolean;
  /** Ends what waits for the session's next turn. False: the session can't be freed, since its conversation is not saved. */
  letGo(sessionId: string): Promise<boolean>;
}

/** An unused claim is kept for so many beats: a request claims before its body has arrived. */
const KEPT_BEATS = 5;
const RETRY_SECS = 1;

/** The sessions of this node, in one term. They are lost when that ends. */
export class SessionClaims implements Ownership {
  readonly #held = new Map<string, Held>();
  readonly #claiming = new Map<string, Promise<Place>>();
  readonly #releasing = new Map<string, Promise<void>>();

  constructor(private readonly options: SessionClaimsOptions) {}

  get fenced(): AbortSignal {
    try {
      return this.options.node.term().fenced;
    } catch (error) {
      return AbortSignal.abort(error);
    }
  }

  get owner(): NewOwner {
    const { node, pins } = this.options;
    return { owner: node.term().start, ...(pins && { pinnedTo: node.name }) };
  }

  /** How many sessions this node has. */
  get size(): number {
    return this.#held.size;
  }

  /** Their ids. */
  get sessions(): readonly string[] {
    return [...this.#held.keys()];
  }

  async claim(sessionId: string): Promise<Place> {
    const term = this.options.node.term();
    const claim = this.held(sessionId);
    if (claim !== undefined) return { at: "here", claim };
    await this.#releasing.get(sessionId);
    const claiming = this.#claiming.get(sessionId) ?? this.#claim(sessionId, term);
    this.#claiming.set(sessionId, claiming);
    try {
      return await claiming;
    } finally {
      if (this.#claiming.get(sessionId) === claiming) this.#claiming.delete(sessionId);
    }
  }

  held(sessionId: string): Claim | undefined {
    const held = this.#held.get(sessionId);
    if (held === undefined) return undefined;
    held.usedAt = this.options.clock.now();
    return held.claim;
  }

  created(sessionId: string, at: NewOwner): Claim {
    const term = this.options.node.term();
    // The end of its term has freed it.
    if (at.owner.incarnation !== term.start.incarnation)
      return { sessionId, epoch: 0, lost: AbortSignal.abort("fenced") };
    return this.held(sessionId) ?? this.#hold(sessionId, 0, term);
  }

  async find(sessionId: string): Promise<Place | undefined> {
    const claim = this.held(sessionId);
    if (claim !== undefined) return { at: "here", claim };
    const owner = await this.options.book.owner(sessionId);
    if (owner === undefined) return undefined;
    // Its own, but not held: releasing it failed, or it is being claimed.
    return owner.node === this.options.node.name ? undefined : { at: "elsewhere", node: owner };
  }

  async release({ sessionId, epoch }: Claim): Promise<void> {
    const held = this.#held.get(sessionId);
    if (held?.claim.epoch !== epoch) return;
    this.#drop(sessionId, held, "released");
    if (!held.term.lasts) return;
    const { book, log } = this.options;
    const releasing = book
      .release(held.term.start, sessionId, epoch)
      // The session stays this node's, and is claimed again with the next request.
      .catch((error: unknown) => log.debug({ err: error, session_id: sessionId }, "a session was not freed"))
      .then(() => void this.#releasing.delete(sessionId));
    this.#releasing.set(sessionId, releasing);
    await releasing;
  }

  /** Frees the sessions for which there was nothing to do for a while. */
  async releaseIdle({ isBusy, letGo }: IdleSessions): Promise<void> {
    const { clock, timing, node } = this.options;
    const kept = node.condition === "draining" ? 0 : KEPT_BEATS;
    const before = clock.now() - kept * timing.beat;
    const isIdle = ({ usedAt, claim }: Held) => usedAt <= before && !isBusy(claim.sessionId);
    const free = async (held: Held) => {
      const { claim } = held;
      // It may be asked for while its process ends.
      const isStillIdle = () => this.#held.get(claim.sessionId) === held && isIdle(held);
      if ((await letGo(claim.sessionId)) && isStillIdle()) await this.release(claim);
    };
    await Promise.all([...this.#held.values()].filter(isIdle).map(free));
  }

  /** Drops all claims: the term has ended. */
  loseAll(): void {
    for (const [sessionId, held] of this.#held) this.#drop(sessionId, held, "fenced");
  }

  async #claim(sessionId: string, term: Term): Promise<Place> {
    const { book, node } = this.options;
    if (node.condition === "draining") return this.#claimElsewhere(sessionId);
    const outcome = await book.claim(term.start, sessionId);
    if (outcome === "fenced") term.end("buried");
    if (!term.lasts) node.term();
    if (outcome === "unknown session" || outcome === "fenced") {
      return { at: "here", claim: { sessionId, epoch: 0, lost: term.fenced } };
    }
    if ("epoch" in outcome) {
      const { epoch, left = false } = outcome;
      // No other caller gets the claim before that.
      if (left) await this.options.recover(sessionId, { sessionId, epoch, lost: term.fenced });
      return { at: "here", claim: this.#hold(sessionId, epoch, term) };
    }
    if ("owner" in outcome) return { at: "elsewhere", node: outcome.owner };
    const pinned = node.nodes.find((other) => other.node === outcome.pinnedTo && lives(other));
    return pinned === undefined
      ? { at: "away", node: outcome.pinnedTo }
      : { at: "elsewhere", node: addressOf(pinned) };
  }

  /** A node that drains takes no session: its owner gets the request, or the emptiest node if it is free. */
  async #claimElsewhere(sessionId: string): Promise<Place> {
    const found = await this.find(sessionId);
    if (found !== undefined) return found;
    const peer = emptiest(this.options.node);
    if (peer !== undefined) return { at: "elsewhere", node: addressOf(peer) };
    throw retryLater("this node is draining, and no other node takes sessions", RETRY_SECS);
  }

  #hold(sessionId: string, epoch: number, term: Term): Claim {
    const earlier = this.#held.get(sessionId);
    if (earlier?.claim.epoch === epoch) return earlier.claim;
    if (earlier !== undefined) this.#drop(sessionId, earlier, "claimed anew");
    const control = new AbortController();
    // All that works on the session listens.
    setMaxListeners(0, control.signal);
    const claim = { sessionId, epoch, lost: control.signal };
    if (!term.lasts) control.abort("fenced");
    else this.#held.set(sessionId, { claim, term, control, usedAt: this.options.clock.now() });
    return claim;
  }

  #drop(sessionId: string, { control }: Held, why: string): void {
    this.#held.delete(sessionId);
    control.abort(why);
  }
}

/** The other node with the fewest turns, if one takes new sessions. */
function emptiest({ nodes, name }: Pick<ClusterNode, "nodes" | "name">): NodeRecord | undefined {
  const [first] = nodes
    .filter(({ node, state }) => node !== name && state === "up")
    .sort((a, b) => a.running + a.queued - (b.running + b.queued));
  return first;
}

function addressOf({ node, incarnation, url }: NodeRecord) {
  return { node, incarnation, url };
}
