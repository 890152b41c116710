import type { NodeLoad, NodeRecord, Ownership, SharedSecrets, Singletons } from "./cluster.js";
import type { Ledger } from "./ledger.js";
import type { TurnRecord } from "./turn-record.js";

/** What a gateway does for the cluster that it is a node of. */
export interface NodeWork {
  load(): NodeLoad;
  /** Whether anything of the session is in this process: a turn, a live process, a client that waits. */
  isBusy(sessionId: string): boolean;
  isRunning(turnId: string): boolean;
  /** Records turns that no process works on as lost. */
  bookLost(turns: readonly TurnRecord[]): Promise<void>;
  /** Resumes a parked turn, whose session is this node's now. */
  goOn(turnId: string): Promise<void>;
  /** This node may work for so long more, unless it is said again. */
  mayWork(leftMs: number): void;
  /** Ends all turns and processes at once. Resolves when none is left. Never rejects. */
  stop(): Promise<void>;
}

/** `fenced`: this node may not work now, and tries to come back. */
export type NodeCondition = "joining" | "up" | "draining" | "fenced" | "left";

/** The cluster, as one of its gateways sees it. */
export interface Cluster {
  readonly ledger: Ledger;
  readonly ownership: Ownership;
  readonly singletons: Singletons;
  readonly secrets: SharedSecrets;
  /** The name of this node. */
  readonly node: string;
  readonly condition: NodeCondition;
  /** All nodes, as of the last look. */
  readonly nodes: readonly NodeRecord[];
  /**
   * Joins under a new incarnation; an earlier one of this node is buried, so all that it left must have ended. Rejects with
   * a ConfigError where the configuration differs from that of the living nodes.
   */
  join(work: NodeWork): Promise<void>;
  /** Takes no more sessions. */
  drain(): void;
  /** After all work has ended: frees the sessions of this node. Never rejects. */
  leave(): Promise<void>;
}
