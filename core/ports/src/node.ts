import type { Claim } from "./claim.js";
import type {
  KeyPlaces,
  NodeLoad,
  NodeRecord,
  Ownership,
  SharedGuesses,
  SharedSecrets,
  Singletons,
} from "./cluster.js";
import type { Engine, ProcessGuard, StopReason } from "./engine.js";
import type { Ledger } from "./ledger.js";
import type { PassingOn } from "./passing.js";
import type { TurnRecord } from "./turn-record.js";

/** What of a gateway its node works with. */
export interface NodeParts {
  readonly turns: {
    get(turnId: string): unknown;
    ofSession(sessionId: string): readonly unknown[];
    stopAll(reason: StopReason): void;
    drained(): Promise<void>;
  };
  readonly queue: Pick<NodeLoad, "running" | "queued">;
  /** Clients that follow sessions. */
  readonly events: { has(sessionId: string): boolean };
  readonly resumption: { goOn(turnId: string): Promise<void> };
  readonly engine: Pick<Engine, "processes" | "keeps" | "background" | "release" | "saved">;
  readonly guard: ProcessGuard | undefined;
  /** Records turns that no process works on as lost. */
  recordLost(turns: readonly TurnRecord[]): Promise<void>;
  /** Records what an earlier owner left open in a session that this node has just taken. */
  recover(sessionId: string, claim: Claim): Promise<void>;
  /** Kills all processes of this gateway's turns. */
  endProcesses(): Promise<void>;
}

/** `fenced`: this node may not work now, and tries to come back. */
export type NodeCondition = "joining" | "up" | "draining" | "fenced" | "left";

/** A node, for people. */
export interface NodeView {
  readonly node: string;
  /** Rises with every start of any node. */
  readonly incarnation: number;
  /** Where other nodes reach it. */
  readonly url: string;
  readonly version: string;
  readonly state: "up" | "draining" | "left" | "dead";
  readonly running: number;
  readonly queued: number;
  /** Live processes. */
  readonly processes: number;
  /** ISO 8601, UTC; by the database's clock. */
  readonly joinedAt: string;
  /** Whether it is this gateway. */
  readonly self: boolean;
}

/** Which plugins are on, and their sections by name. */
export interface PluginSettings {
  readonly plugins: readonly string[];
  readonly pluginSections: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** The cluster, as one of its gateways sees it. */
export interface Cluster {
  readonly ledger: Ledger;
  readonly ownership: Ownership;
  readonly singletons: Singletons;
  readonly secrets: SharedSecrets;
  readonly passing: PassingOn;
  readonly keyPlaces: KeyPlaces;
  readonly guesses: SharedGuesses;
  /** The name of this node. */
  readonly node: string;
  readonly condition: NodeCondition;
  /** All nodes, as of the last look. */
  readonly nodes: readonly NodeRecord[];
  /**
   * Joins under a new incarnation; an earlier one of this node is buried, so all that it left must have ended. Rejects with
   * a ConfigError where the configuration differs from that of the living nodes. True: the earlier incarnation did not leave.
   */
  join(parts: NodeParts): Promise<boolean>;
  view(): readonly NodeView[];
  /** The plugins' part of the configuration has changed: nodes that join must agree with it. Others that differ are logged. */
  reloaded(settings: PluginSettings): void;
  /** Takes no more sessions; with false, takes them again. */
  drain(draining?: boolean): void;
  /** After all work has ended: frees the sessions of this node. Never rejects. */
  leave(): Promise<void>;
}
