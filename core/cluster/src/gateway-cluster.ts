import type {
  Claim,
  Cluster,
  Ledger,
  NewNode,
  NodeBook,
  NodeCondition,
  NodeParts,
  NodeRecord,
  NodeStart,
  NodeView,
  PluginSettings,
  TurnRecord,
} from "@claudeway/ports";
import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";
import { type Clock, MONOTONIC, sleep } from "./clock.js";
import { ClusterSecrets } from "./cluster-secrets.js";
import { ClusterSingletons } from "./cluster-singletons.js";
import { ClusterKeyPlaces } from "./key-places.js";
import { ClusterNode } from "./node.js";
import { type NodeWork, nodeWork } from "./node-work.js";
import { LostAnswers, Passing } from "./passing/index.js";
import { SessionClaims } from "./session-claims.js";
import { ClusterGuesses } from "./shared-guesses.js";
import { SharedWorkdirs } from "./shared-workdirs.js";
import { type Timing, timingOf } from "./timing.js";
import { Undertaker } from "./undertaker.js";
import { lives } from "./watch.js";

export interface GatewayClusterOptions {
  /** Shared by all nodes. */
  readonly ledger: Ledger;
  readonly book: NodeBook;
  /** The open turns of an incarnation that are not parked. */
  readonly ownTurns: (of: NodeStart) => Promise<readonly TurnRecord[]>;
  readonly self: NewNode;
  /** The digest of the configuration once these plugins and sections are in force. */
  readonly digestAfter: (reloaded: PluginSettings) => string;
  readonly leaseSecs: number;
  /** The base folder of the working directories, if all nodes have the same; else sessions are pinned to their nodes. */
  readonly sharedWorkdirs: string | undefined;
  /** Signs what is passed on. */
  readonly secret: string;
  readonly log: Logger;
  /** For tests. */
  readonly clock?: Clock;
}

/** How often a node that drains looks for idle sessions, in ms. */
const EMPTYING_MS = 100;
/** How long its last idle sessions may take before its port closes. */
const EMPTIED_MS = 2_000;

/** Puts the parts of a node together. It does not own the ledger. */
export class GatewayCluster implements Cluster {
  readonly ledger: Ledger;
  readonly ownership: SessionClaims;
  readonly singletons: ClusterSingletons;
  readonly secrets: ClusterSecrets;
  readonly passing: Passing;
  readonly keyPlaces: ClusterKeyPlaces;
  readonly guesses: ClusterGuesses;
  readonly #clock: Clock;
  readonly #timing: Timing;
  readonly #node: ClusterNode;
  #work: NodeWork | undefined;
  #releasing = false;
  #emptying = false;
  readonly #left = new AbortController();
  #living: readonly NodeStart[] = [];

  constructor(private readonly options: GatewayClusterOptions) {
    const { ledger, book, self, leaseSecs, log } = options;
    const timing = timingOf(leaseSecs);
    const clock = options.clock ?? MONOTONIC;
    this.#clock = clock;
    this.#timing = timing;
    this.ledger = ledger;
    const base = options.sharedWorkdirs;
    const workdirs = base === undefined ? base : new SharedWorkdirs({ base, secret: options.secret, clock });
    const node = new ClusterNode({ book, self, timing, clock, log, workdirs });
    this.#node = node;
    const recover = async (sessionId: string, claim: Claim) => this.#work?.recover(sessionId, claim);
    const pins = base === undefined;
    this.ownership = new SessionClaims({ book, node, timing, clock, recover, pins, log });
    this.singletons = new ClusterSingletons({ book, node, timing, clock, log });
    this.secrets = new ClusterSecrets(book);
    this.keyPlaces = new ClusterKeyPlaces(ledger.keyPlaces, node);
    this.guesses = new ClusterGuesses(ledger.pluginStore, log);
    this.passing = new Passing({
      secret: options.secret,
      ownership: this.ownership,
      self: () => node.term().start,
      others: () => node.nodes.filter((other) => other.node !== node.name && lives(other)),
      emptied: () => this.#emptied(),
      lostAnswers: new LostAnswers({
        lives: async (start) => isAmong(start, (await book.list()).filter(lives)),
        hasTurn: async (turnId) => (await ledger.turns.get(turnId)) !== undefined,
      }),
      isOf: async (sessionId, keyId) => (await ledger.sessions.get(sessionId))?.keyId === keyId,
    });
  }

  get node(): string {
    return this.#node.name;
  }

  get condition(): NodeCondition {
    return this.#node.condition;
  }

  /** Aborted when the current term ends; undefined while there is none. */
  get fence(): AbortSignal | undefined {
    return this.#node.fence;
  }

  get nodes(): readonly NodeRecord[] {
    return this.#node.nodes;
  }

  join(parts: NodeParts): Promise<boolean> {
    return this.begin(nodeWork(parts));
  }

  /** Joins, with this work. */
  async begin(work: NodeWork): Promise<boolean> {
    this.#work = work;
    const { book, ownTurns, log } = this.options;
    const { ownership } = this;
    const undertaker = new Undertaker(
      { book, ownTurns, ownership, timing: this.#timing, clock: this.#clock, log },
      {
        isRunning: (turnId) => work.isRunning(turnId),
        recordLost: (turns) => work.recordLost(turns),
        goOn: (turnId) => work.goOn(turnId),
        resumes: () => this.condition === "up",
      },
    );
    return this.#node.join({
      load: () => work.load(),
      began: (term) => void undertaker.run(term),
      extended: (leftMs) => work.mayWork(leftMs),
      ended: async () => {
        ownership.loseAll();
        await work.stop().catch((error: unknown) => log.error({ err: error }, "not all work has ended"));
      },
      ticked: () => {
        this.#loseGone();
        void this.#releaseIdle(work);
      },
    });
  }

  view(): readonly NodeView[] {
    return this.nodes.map(({ beat, configDigest, ...node }) => ({ ...node, self: node.node === this.node }));
  }

  reloaded(settings: PluginSettings): void {
    this.#node.reconfigured(this.options.digestAfter(settings));
  }

  drain(draining = true): void {
    this.#node.drain(draining);
    if (draining && !this.#emptying) void this.#empty();
  }

  async leave(): Promise<void> {
    this.#left.abort();
    await this.#saveAll();
    await this.#node.leave().catch((error: unknown) => {
      this.options.log.warn(
        `this node could not leave the cluster; the others take over its sessions when its lease ends: ${messageOf(error)}`,
      );
    });
    this.ownership.loseAll();
  }

  /** Once more: another node must not take a session for whole whose end is in this node's files alone. */
  async #saveAll(): Promise<void> {
    const save = (sessionId: string) => this.#work?.letGo(sessionId).catch(() => undefined);
    await Promise.all(this.ownership.sessions.map(save));
  }

  /** Ends the requests that wait for an answer of a start that no longer lives. */
  #loseGone(): void {
    const living = this.nodes.filter(lives);
    for (const start of this.#living) if (!isAmong(start, living)) this.passing.lost(start);
    this.#living = living;
  }

  /** Frees sessions as soon as they are idle, for as long as this node drains: the others serve them. */
  async #empty(): Promise<void> {
    this.#emptying = true;
    while (this.condition === "draining" && this.#work !== undefined) {
      await this.#releaseIdle(this.#work);
      await this.#pause();
    }
    this.#emptying = false;
  }

  /** Resolves when the other nodes can have the sessions of this one, which drains, and know it. */
  async #emptied(): Promise<void> {
    const until = this.#clock.now() + EMPTIED_MS;
    while (this.condition === "draining" && this.ownership.size > 0 && this.#clock.now() < until)
      await this.#pause();
    // Until requests that were passed on before that have arrived.
    if (this.condition === "draining") await this.#pause();
  }

  /** Waits until idle sessions are looked for again, or this node leaves. */
  async #pause(): Promise<void> {
    await sleep(this.#clock, EMPTYING_MS, this.#left.signal).catch(() => undefined);
  }

  /** One sweep at a time: the database may be slow. */
  async #releaseIdle(work: NodeWork): Promise<void> {
    if (this.#releasing) return;
    this.#releasing = true;
    try {
      const draining = this.condition === "draining";
      await this.ownership.releaseIdle({
        isBusy: (sessionId) => work.isBusy(sessionId, draining) || this.passing.isAnswering(sessionId),
        letGo: (sessionId) => work.letGo(sessionId),
      });
    } catch (error) {
      this.options.log.warn({ err: error }, "idle sessions were not freed; trying again");
    } finally {
      this.#releasing = false;
    }
  }
}

function isAmong(start: NodeStart, nodes: readonly NodeStart[]): boolean {
  return nodes.some(({ node, incarnation }) => node === start.node && incarnation === start.incarnation);
}
