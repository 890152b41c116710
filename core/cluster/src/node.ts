import {
  GatewayError,
  messageOf,
  type NewNode,
  type NodeBook,
  type NodeCondition,
  type NodeLoad,
  type NodeRecord,
  type SeenBeat,
} from "@claudeway/ports";
import type { Logger } from "pino";
import { areStill, checkAgreement, differingNodes } from "./agreement.js";
import { type Clock, sleep } from "./clock.js";
import type { SharedWorkdirs } from "./shared-workdirs.js";
import { Term, type TermEnd } from "./term.js";
import type { Timing } from "./timing.js";
import { lives, Watch } from "./watch.js";

export interface NodeOptions {
  readonly book: NodeBook;
  readonly self: NewNode;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined: the nodes have working directories of their own. */
  readonly workdirs?: Pick<SharedWorkdirs, "mark" | "check" | "missing" | "sweep"> | undefined;
}

/** What the rest of the gateway does for its node. */
export interface NodeListener {
  load(): NodeLoad;
  /** A term has begun: work is allowed. */
  began(term: Term): void;
  /** The term was extended to last for this long, in ms. */
  extended(leftMs: number): void;
  /** The term has ended. Resolves when no process of this node is left. Never rejects. */
  ended(term: Term, why: TermEnd): Promise<void>;
  /** After each look at the others. */
  ticked(term: Term): void;
}

const RETRY_SECS = 5;
/** Nodes are reloaded one after another, and others see it with a beat. */
const LOOKS_AFTER_RELOAD = 10;

/**
 * This gateway as a node: joins, beats, watches the others, and ends its work when it may not go on. It then comes back under
 * a new incarnation, in the same process.
 */
export class ClusterNode {
  readonly #watch: Watch;
  #self: NewNode;
  /** How many more looks the others are given before those that differ are logged. */
  #looksLeft = 0;
  readonly #closed = new AbortController();
  #listener: NodeListener | undefined;
  #term: Term | undefined;
  #condition: NodeCondition = "joining";
  #draining = false;
  #peers: readonly NodeRecord[] = [];
  #blind = false;
  /** The last reason why this node could not join, which is logged once. */
  #refused: string | undefined;

  constructor(private readonly options: NodeOptions) {
    this.#watch = new Watch(options.timing);
    this.#self = options.self;
  }

  get name(): string {
    return this.#self.node;
  }

  get condition(): NodeCondition {
    const lasts = this.#term?.lasts ?? false;
    const works = this.#condition === "up" || this.#condition === "draining";
    return works && !lasts ? "fenced" : this.#condition;
  }

  /** All nodes, as of the last look. */
  get nodes(): readonly NodeRecord[] {
    return this.#peers;
  }

  /** Aborted when the current term ends. While there is none, a node that joins anew has to reach the database. */
  get fence(): AbortSignal | undefined {
    return this.#term?.lasts ? this.#term.fenced : undefined;
  }

  /** The current term. Throws UNAVAILABLE while there is none. */
  term(): Term {
    const term = this.#term;
    if (term?.lasts) return term;
    throw new GatewayError(
      "UNAVAILABLE",
      "this node has lost its place in the cluster; it accepts work again once it has rejoined",
      { headers: { "retry-after": String(RETRY_SECS) }, details: { reason: "fenced" } },
    );
  }

  /**
   * Joins. An earlier incarnation of this node is buried by that: what it left must have ended before. Rejects with a
   * ConfigError if the configuration differs from that of the living nodes, which takes a beat, or a lease if all are dead. True: the earlier one did not leave.
   */
  async join(listener: NodeListener): Promise<boolean> {
    this.#listener = listener;
    await this.#tellDead();
    return this.#enter();
  }

  /** Its configuration has this digest from now on. The other nodes see it with the next beat. */
  reconfigured(configDigest: string): void {
    this.#self = { ...this.#self, configDigest };
    this.#looksLeft = LOOKS_AFTER_RELOAD;
  }

  /** New sessions go to other nodes from now on, or no longer. */
  drain(draining: boolean): void {
    this.#draining = draining;
    if (this.#condition === "up" || this.#condition === "draining")
      this.#condition = draining ? "draining" : "up";
  }

  /** Leaves after all work has ended: the node's sessions are free at once. */
  async leave(): Promise<void> {
    const term = this.#term;
    this.#condition = "left";
    this.#closed.abort(new Error("the node has left"));
    if (term === undefined || !term.lasts) return;
    term.end("left");
    await this.options.book.leave(term.start);
  }

  /**
   * Of nodes with another configuration or other working directories, waits until one beats, or all were silent for a lease and are buried: where all nodes
   * were killed, no other would bury them, and none could join.
   */
  async #tellDead(): Promise<void> {
    const { clock, timing } = this.options;
    await this.#look();
    this.#logDiffering("waiting until it beats, or is buried");
    const seen = await this.#doubtful();
    for (let left = seen; left.length > 0 && areStill(left, seen); left = await this.#doubtful()) {
      await sleep(clock, timing.beat, this.#closed.signal);
      await this.#look();
    }
  }

  #logDiffering(next: string): void {
    for (const { node, parts } of differingNodes(this.#self, this.#peers))
      this.options.log.warn({ node, parts }, `a node has another configuration; ${next}`);
  }

  /** The nodes with which this one can't join, if they live. */
  async #doubtful(): Promise<readonly SeenBeat[]> {
    const { workdirs } = this.options;
    const others = this.#peers.filter((other) => other.node !== this.name && lives(other));
    return [...differingNodes(this.#self, others), ...((await workdirs?.missing(others)) ?? [])];
  }

  async #enter(): Promise<boolean> {
    const { book, clock, timing } = this.options;
    await this.#look();
    this.#checkReplaced();
    const self = this.#self;
    checkAgreement(self, this.#peers, Number.POSITIVE_INFINITY);
    const sentAt = clock.now();
    const { afterCrash, ...start } = await book.join(self);
    const term = new Term(start, sentAt, timing, clock);
    term.fenced.addEventListener("abort", () => void this.#fenced(term));
    try {
      // Of two nodes that join at the same time, the later one gives way.
      await this.#look();
      checkAgreement(self, this.#peers, start.incarnation);
      await this.#checkWorkdirs(term);
      this.#closed.signal.throwIfAborted();
    } catch (error) {
      term.end("left");
      await book.leave(start).catch(() => undefined);
      throw error;
    }
    if (!term.lasts) throw new Error("joining took longer than the lease allows");
    this.#term = term;
    this.#refused = undefined;
    this.#condition = this.#draining ? "draining" : "up";
    this.options.log.info({ node: self.node, incarnation: start.incarnation }, "joined the cluster");
    this.#listener?.began(term);
    this.#listener?.extended(term.leftMs);
    void this.#run(term);
    return afterCrash;
  }

  /** Throws while another gateway that joined later goes by this node's name. */
  #checkReplaced(): void {
    const own = this.#term?.start.incarnation;
    const other = this.#peers.find(({ node }) => node === this.name);
    if (own === undefined || other === undefined || other.incarnation <= own || !lives(other)) return;
    throw new Error(
      `another gateway, at ${other.url}, joined as ${JSON.stringify(this.name)}; give each gateway its own cluster.node`,
    );
  }

  /** Rejects with a ConfigError if a living node that joined before has other working directories. */
  async #checkWorkdirs({ start, fenced, leftMs }: Term): Promise<void> {
    const { workdirs } = this.options;
    if (workdirs === undefined) return;
    await workdirs.mark(start);
    const earlier = this.#peers.filter((other) => lives(other) && other.incarnation < start.incarnation);
    await workdirs.check(earlier, leftMs / 2, fenced);
    await workdirs.sweep([start, ...this.#peers.filter(lives)]);
  }

  async #run(term: Term): Promise<void> {
    const { clock, timing } = this.options;
    while (term.lasts) {
      const sentAt = clock.now();
      await this.#noLongerThan(this.#beat(term, sentAt), 2 * timing.beat, term);
      if (!term.lasts) return;
      await this.#noLongerThan(
        this.#look().catch(() => undefined),
        2 * timing.beat,
        term,
      );
      if (!term.lasts) return;
      this.#listener?.ticked(term);
      const spent = clock.now() - sentAt;
      await sleep(clock, Math.max(0, timing.beat - spent), term.fenced).catch(() => undefined);
    }
  }

  /** Waits for a call to the database, but lets the next one begin if that hangs. */
  async #noLongerThan(call: Promise<void>, ms: number, term: Term): Promise<void> {
    // Not AbortSignal.any: each one would leave a listener on the term's signal, which lives for months.
    const over = new AbortController();
    const end = () => over.abort();
    term.fenced.addEventListener("abort", end, { once: true });
    if (term.fenced.aborted) end();
    await Promise.race([call, sleep(this.options.clock, ms, over.signal).catch(() => undefined)]);
    term.fenced.removeEventListener("abort", end);
    end();
  }

  async #beat(term: Term, sentAt: number): Promise<void> {
    const { book, log } = this.options;
    const load = this.#listener?.load() ?? { running: 0, queued: 0, processes: 0 };
    try {
      const alive = await book.beat(
        term.start,
        load,
        this.#draining ? "draining" : "up",
        this.#self.configDigest,
      );
      if (!alive) return term.end("buried");
      term.confirmed(sentAt);
      if (term.lasts) this.#listener?.extended(term.leftMs);
    } catch (error) {
      log.debug({ err: error }, "a beat was not confirmed");
    }
  }

  /** Reads the other nodes and buries the silent ones. Rejects if the database does not answer. */
  async #look(): Promise<void> {
    const { book, clock, log } = this.options;
    const sentAt = clock.now();
    try {
      const nodes = await book.list();
      this.#peers = nodes;
      if (--this.#looksLeft === 0) this.#logDiffering("give it the same one, and reload it too");
      const others = nodes.filter(
        ({ node, incarnation }) => node !== this.name || incarnation !== this.#term?.start.incarnation,
      );
      const silent = this.#watch.looked({ sentAt, answeredAt: clock.now(), nodes: others });
      for (const seen of silent) {
        if (await book.bury(seen)) log.warn({ ...seen }, "a node was silent for a lease and was buried");
      }
      if (this.#blind) log.info("the cluster's database answers again");
      this.#blind = false;
    } catch (error) {
      this.#watch.blind();
      if (!this.#blind) log.warn(`the cluster's database does not answer: ${messageOf(error)}`);
      this.#blind = true;
      throw error;
    }
  }

  async #fenced(term: Term): Promise<void> {
    const why = term.ended ?? "silent";
    // Also while joining, before the term is this node's.
    if (this.#term !== term || why === "left") return;
    this.#condition = "fenced";
    this.options.log.error({ incarnation: term.start.incarnation, why }, ENDS[why]);
    await this.#listener?.ended(term, why);
    await this.#comeBack();
  }

  async #comeBack(): Promise<void> {
    const { clock, timing, log } = this.options;
    const { signal } = this.#closed;
    while (!signal.aborted) {
      try {
        await this.#enter();
        return;
      } catch (error) {
        const reason = messageOf(error);
        if (reason !== this.#refused) log.warn(`could not rejoin the cluster: ${reason}`);
        this.#refused = reason;
        await sleep(clock, timing.beat, signal).catch(() => undefined);
      }
    }
  }
}

const ENDS = {
  silent: "no beat was confirmed in time; all work of this node ends",
  buried: "this node was buried or replaced; all its work ends",
};
