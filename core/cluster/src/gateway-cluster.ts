import type {
  Cluster,
  Ledger,
  NewNode,
  NodeBook,
  NodeCondition,
  NodeRecord,
  NodeStart,
  NodeWork,
  TurnRecord,
} from "@claudeway/ports";
import { messageOf } from "@claudeway/ports";
import type { Logger } from "pino";
import { type Clock, MONOTONIC } from "./clock.js";
import { ClusterSecrets } from "./cluster-secrets.js";
import { ClusterSingletons } from "./cluster-singletons.js";
import { ClusterNode } from "./node.js";
import { SessionClaims } from "./session-claims.js";
import { timingOf } from "./timing.js";
import { Undertaker } from "./undertaker.js";

export interface GatewayClusterOptions {
  /** Shared by all nodes. */
  readonly ledger: Ledger;
  readonly book: NodeBook;
  /** The open turns of an incarnation that are not parked. */
  readonly ownTurns: (of: NodeStart) => Promise<readonly TurnRecord[]>;
  readonly self: NewNode;
  readonly leaseSecs: number;
  readonly log: Logger;
  /** For tests. */
  readonly clock?: Clock;
}

/** Puts the parts of a node together. It does not own the ledger. */
export class GatewayCluster implements Cluster {
  readonly ledger: Ledger;
  readonly ownership: SessionClaims;
  readonly singletons: ClusterSingletons;
  readonly secrets: ClusterSecrets;
  readonly #node: ClusterNode;
  #releasing = false;

  constructor(private readonly options: GatewayClusterOptions) {
    const { ledger, book, self, leaseSecs, log, clock = MONOTONIC } = options;
    const timing = timingOf(leaseSecs);
    this.ledger = ledger;
    const node = new ClusterNode({ book, self, timing, clock, log });
    this.#node = node;
    this.ownership = new SessionClaims({ book, node, timing, clock, log });
    this.singletons = new ClusterSingletons({ book, node, timing, clock, log });
    this.secrets = new ClusterSecrets(book);
  }

  get node(): string {
    return this.#node.name;
  }

  get condition(): NodeCondition {
    return this.#node.condition;
  }

  get nodes(): readonly NodeRecord[] {
    return this.#node.nodes;
  }

  async join(work: NodeWork): Promise<void> {
    const { book, ownTurns, leaseSecs, log, clock = MONOTONIC } = this.options;
    const { ownership } = this;
    const undertaker = new Undertaker(
      { book, ownTurns, ownership, timing: timingOf(leaseSecs), clock, log },
      {
        isRunning: (turnId) => work.isRunning(turnId),
        bookLost: (turns) => work.bookLost(turns),
        goOn: (turnId) => work.goOn(turnId),
        resumes: () => this.condition === "up",
      },
    );
    await this.#node.join({
      load: () => work.load(),
      began: (term) => void undertaker.run(term),
      extended: (leftMs) => work.mayWork(leftMs),
      ended: async () => {
        ownership.loseAll();
        await work.stop();
      },
      ticked: () => void this.#releaseIdle(work),
    });
  }

  drain(): void {
    this.#node.drain();
  }

  async leave(): Promise<void> {
    await this.#node.leave().catch((error: unknown) => {
      this.options.log.warn(
        `this node could not leave the cluster; the others take over its sessions when its lease ends: ${messageOf(error)}`,
      );
    });
    this.ownership.loseAll();
  }

  /** One sweep at a time: the database may be slow. */
  async #releaseIdle(work: NodeWork): Promise<void> {
    if (this.#releasing) return;
    this.#releasing = true;
    try {
      await this.ownership.releaseIdle((sessionId) => work.isBusy(sessionId));
    } finally {
      this.#releasing = false;
    }
  }
}
