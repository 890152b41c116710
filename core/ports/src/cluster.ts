import type { Claim } from "./claim.js";
import type { Instant, TurnRecord } from "./turn-record.js";

/*
 * Many gateways on one ledger. Each is a node. A session belongs to one node at a time, under an epoch that rises with
 * every change of hands; every write of a session names its epoch in the statement that writes. Without a cluster one
 * gateway owns every session, under epoch 0, and nothing here costs a statement.
 */

/** One start of one node. */
export interface NodeStart {
  /** The node's name. */
  readonly node: string;
  /** Rises with every start of any node. */
  readonly incarnation: number;
}

/** To which node a new session belongs. */
export interface NewOwner {
  readonly owner: NodeStart;
  /** The node that has its files, where no other node has them. */
  readonly pinnedTo?: string | undefined;
}

/** Where other nodes reach this start of a node. */
export interface NodeAddress extends NodeStart {
  /** Such as `http://10.0.0.5:3000`. */
  readonly url: string;
}

/** Where a session is. `away`: the node that has it, or to which its files are pinned, does not answer or is not there. */
export type Place =
  | { readonly at: "here"; readonly claim: Claim }
  | { readonly at: "elsewhere"; readonly node: NodeAddress }
  | { readonly at: "away"; readonly node: string };

/** Who works on which session. */
export interface Ownership {
  /** To which node sessions belong that are created here; undefined on one machine. Throws UNAVAILABLE once it is fenced. */
  readonly owner: NewOwner | undefined;
  /**
   * Takes the session if it is free or this node's own; otherwise reports who has it. A session that does not
   * exist is "here": the caller finds that out. Rejects with UNAVAILABLE once this node is fenced.
   */
  claim(sessionId: string): Promise<Place>;
  /** The claim, if this node has the session now. */
  held(sessionId: string): Claim | undefined;
  /** Notes a session that was created for this owner. The claim is lost if that start of the node has ended since. */
  created(sessionId: string, at: NewOwner | undefined): Claim;
  /** Where the session is, without taking it; undefined: it is free. */
  find(sessionId: string): Promise<Place | undefined>;
  /** Frees the session: after its process has ended and its conversation is saved. */
  release(claim: Claim): Promise<void>;
  /** Aborted: this node must not work any more. */
  readonly fenced: AbortSignal;
}

/** Keys that all nodes share, such as the one that signs links. */
export interface SharedSecrets {
  /** The secret of this name; the first caller in the cluster makes it. */
  get(name: string, make: () => Buffer): Promise<Buffer>;
}

/** Work that one node does for all, such as polling a messenger. */
export interface Singletons {
  /**
   * Waits until this node leads, then runs `work` until it ends or `stop` aborts. `lost` is aborted when another node may
   * lead; `work` must then end at once. Resolves when `work` has ended for good.
   */
  lead(name: string, work: (lost: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void>;
}

/** The wait after so many failures, in ms. */
export type WaitAfter = (failures: number) => number;

/** Refused attempts, such as to log in, over all nodes. No method rejects: while the database is away, nothing is known. */
export interface SharedGuesses {
  /**
   * Milliseconds until `who` may try; 0: now. Where it had to wait before, this attempt is then the only one of all nodes
   * for as long as after another failure.
   */
  enter(who: string, waitAfter: WaitAfter): Promise<number>;
  failed(who: string, waitAfter: WaitAfter): Promise<void>;
  succeeded(who: string): Promise<void>;
}

/** The running turns of keys with a limit of their own, over all nodes. */
export interface KeyPlaces {
  /** A place for a turn of the key; undefined while `limit` of them run. */
  take(keyId: string, limit: number): Promise<KeyPlace | undefined>;
}

export interface KeyPlace {
  /** Resolves when the place is free, or will be once the ledger can be reached. Never rejects. */
  leave(): Promise<void>;
}

// ---- what the ledger keeps of nodes

export type NodeState = "up" | "draining" | "left" | "dead";

export interface NodeLoad {
  readonly running: number;
  readonly queued: number;
  /** Live processes. */
  readonly processes: number;
}

export interface NewNode {
  readonly node: string;
  readonly url: string;
  /** Of the part of the configuration on which all nodes must agree. */
  readonly configDigest: string;
  readonly version: string;
}

export interface JoinedNode extends NodeStart {
  /** True: the node's earlier start did not leave. It was killed or buried, or its machine went down. */
  readonly afterCrash: boolean;
}

export interface NodeRecord extends NodeAddress, Omit<NewNode, "node" | "url">, NodeLoad {
  /** A counter that the node raises while it works. */
  readonly beat: number;
  readonly state: NodeState;
  /** By the database's clock; shown, never decided by. */
  readonly joinedAt: Instant;
}

/** What was seen of a node's counter. */
export interface SeenBeat extends NodeStart {
  readonly beat: number;
}

export type ClaimOutcome =
  /** `left`: an earlier owner left open turns that are not parked, or background work. Set until that is recorded. */
  | { readonly epoch: number; readonly left?: boolean }
  /** Another start of a node has it, which is not known to be dead. */
  | { readonly owner: NodeAddress }
  /** Its files are on a node that is not this one. */
  | { readonly pinnedTo: string }
  | "unknown session"
  /** The node that asks was buried or replaced. */
  | "fenced";

/** What the ledger has of the work of a node. */
export interface NodeWorkload {
  readonly node: string;
  /** Sessions that it has now. */
  readonly sessions: number;
  /** Calls of its running turns that wait for a person. */
  readonly waiting: number;
  /** Turns that parked there, and wait for a person or a usage limit. */
  readonly parked: number;
  /** How often a session, after a turn at another node, had its next turn here; since the time that was asked for. */
  readonly takenOver: number;
}

/** Nodes, who owns which session, and what dead nodes left. */
export interface NodeBook {
  /**
   * Adds a start of a node under a new incarnation. An earlier start of the same node is buried: its sessions are freed.
   */
  join(node: NewNode): Promise<JoinedNode>;
  /** Raises the counter and notes the rest. False: this start was buried, or replaced by a later one. */
  beat(of: NodeStart, load: NodeLoad, state: "up" | "draining", configDigest: string): Promise<boolean>;
  list(): Promise<readonly NodeRecord[]>;
  /**
   * Declares the start dead if its counter is still the one that was seen, frees its sessions and raises their epochs, in
   * one transaction. False: it beat since, or was buried before.
   */
  bury(seen: SeenBeat): Promise<boolean>;
  /** Notes a clean end: all sessions of this start are freed. */
  leave(of: NodeStart): Promise<void>;
  claim(by: NodeStart, sessionId: string): Promise<ClaimOutcome>;
  /** The node that has the session; undefined: it is free, or unknown. */
  owner(sessionId: string): Promise<NodeAddress | undefined>;
  /** Frees a session and raises its epoch. False: the claim was lost before. */
  release(by: NodeStart, sessionId: string, epoch: number): Promise<boolean>;
  /**
   * Open turns that are not parked and whose start of a node no longer lives, or no longer has their session, of one session
   * or of all, oldest first. Who claims a session records them before its next turn begins. On one machine, right after opening: all that a killed
   * gateway left.
   */
  lostTurns(sessionId?: string): Promise<readonly TurnRecord[]>;
  /** Parked turns of free sessions and of this start's own that may go on: their call is settled, or they wait for a limit. */
  resumable(by: NodeStart): Promise<readonly TurnRecord[]>;
  /** The work of all nodes that have or had some. Takeovers are counted among the latest 100,000 turns. */
  workload(since: Instant): Promise<readonly NodeWorkload[]>;
  /** The secret of this name, made by the first caller. */
  secret(name: string, made: Buffer): Promise<Buffer>;
  /** Takes or keeps the lead; false while another start that is not dead has it. */
  lead(by: NodeStart, name: string): Promise<boolean>;
  /** Gives the lead up. */
  unlead(by: NodeStart, name: string): Promise<void>;
}

/** Which turns of keys with a limit of their own run, over all nodes. The places of a start that does not live are free. */
export interface KeyPlaceBook {
  /** Notes a turn of the key as running under an id of its own; false while `limit` of them run. */
  take(by: NodeStart, id: string, keyId: string, limit: number): Promise<boolean>;
  leave(ids: readonly string[]): Promise<void>;
}
