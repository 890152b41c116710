import type { Logger } from "pino";
import type { ApprovalService } from "../approvals/approval-service.js";
import type { GatewayError } from "../errors.js";
import type { Kernel } from "../kernel/kernel.js";
import type { Approval } from "../ports/approvals.js";
import type { AuditLog } from "../ports/audit.js";
import type { ApprovalMode, Engine, GrantedCall, OwnTurn, SpawnPlan } from "../ports/engine.js";
import type { Ledger } from "../ports/ledger.js";
import type { ParkedTurn, TurnInfo, TurnOutcome, TurnPlan, TurnUsage } from "../ports/turns.js";
import type { Workdirs } from "../workdirs.js";
import type { TurnQueue } from "./queue.js";
import type { SessionEvents } from "./session-events.js";

/** Where turns are written down. */
export interface Records {
  readonly ledger: Ledger;
  readonly audit: AuditLog;
  readonly log: Logger;
}

/** A parked turn whose request is settled, and that goes on. */
export interface ContinuedTurn {
  readonly parked: ParkedTurn;
  readonly approval: Approval;
  /** What the turn has used so far; it is booked. */
  readonly usage: TurnUsage;
}

/** A prompt on its way in. */
export interface TurnRequest {
  readonly info: TurnInfo;
  /** What the caller asks for; `beforeExecute` may make something else of it. */
  readonly plan: TurnPlan;
  /** Which route or plugin it came through, as in `POST /task`. */
  readonly route: string;
  /** Calls that may run although the approval mode denies them. */
  readonly granted?: readonly GrantedCall[];
  /** Set where a parked turn goes on: the plan is the rest of its own then, and its prompt is with the CLI. */
  readonly continues?: ContinuedTurn;
  /** True: where the session's conversation is lost, a new one begins. */
  readonly restartConversation?: boolean;
  /** Set where the CLI has begun the turn by itself: it is followed, not run. */
  readonly own?: OwnTurn;
  /** True: what the session waits for is withdrawn. */
  readonly withdrawPending?: boolean;
}

/** What a turn needs around it. */
export interface TurnContext {
  readonly kernel: Kernel;
  readonly queue: TurnQueue;
  readonly engine: Engine;
  readonly records: Records;
  /**
   * Waits until the session's earlier turns are over; resolves to what lets the next one go. Rejects with UNAVAILABLE where
   * too many wait; with `again` none is refused.
   */
  readonly order: (sessionId: string, stop: AbortSignal, again: boolean) => Promise<() => void>;
  /** Waits until the CLI runs no turn of its own in the session. Rejects with the signal's reason. */
  readonly quiet: (sessionId: string, stop: AbortSignal) => Promise<void>;
  /** Who listens to sessions. */
  readonly events: SessionEvents;
  /** What the CLI starts with unless a plugin's `spawn` tap says otherwise. */
  readonly spawn: (workdir: string) => SpawnPlan;
  /** How tool calls of a CLI that starts so are treated at the moment. */
  readonly approvalMode: (spawn: SpawnPlan) => ApprovalMode;
  readonly approvalService: ApprovalService;
  /** Throws CONFLICT where the session waits for a decision, unless that is to be withdrawn. */
  readonly passParked: (sessionId: string, withdraw: boolean) => Promise<void>;
  readonly workdirs: Workdirs;
  /** Throws UNAVAILABLE where what is written to the ledger would be lost. */
  readonly checkLedger: () => void;
  /** Aborted when the gateway closes. */
  readonly closing: AbortSignal;
  readonly log: Logger;
}

/** What a turn's caller gets: of a turn that parks, the answer so far. */
export type TurnResult = TurnOutcome | (Omit<TurnOutcome, "end"> & { readonly end: "parked" });

/** The end of a turn: its outcome, and the error that a client waiting for it gets instead of an answer. */
export interface FinishedTurn {
  readonly outcome: TurnResult;
  readonly error: GatewayError | undefined;
}
