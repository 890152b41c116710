import type { SessionEvents } from "@claudeway/events";
import type { Kernel } from "@claudeway/kernel";
import type {
  Approval,
  ApprovalMode,
  AuditLog,
  BackgroundTurn,
  Engine,
  GatewayError,
  GrantedCall,
  IdempotencyClaim,
  Ledger,
  Ownership,
  ParkedTurn,
  SpawnPlan,
  TurnInfo,
  TurnOutcome,
  TurnPlan,
  TurnUsage,
} from "@claudeway/ports";
import type { AccountChoice, AccountLimits, LimitWaits, TurnQueue } from "@claudeway/scheduling";
import type { Workdirs } from "@claudeway/workdirs";
import type { Logger } from "pino";
import type { ApprovalService } from "../approvals/approval-service.js";
import type { LoginWatch } from "../login-watch.js";

/** Where turns are recorded, and the log for failures of that. */
export interface Records {
  readonly ledger: Ledger;
  readonly ownership: Ownership;
  readonly audit: AuditLog;
  readonly log: Logger;
  /** Idempotency keys whose turns are about to begin, by the ids of the turns. */
  readonly keys?: ReadonlyMap<string, IdempotencyClaim>;
}

/** A parked turn that resumes because its approval is settled, or because a usage limit is lifted. */
export interface ContinuedTurn {
  readonly parked: ParkedTurn;
  /** Undefined if the turn waited for a usage limit. */
  readonly approval: Approval | undefined;
  /** Usage before the turn was parked; already recorded. */
  readonly usage: TurnUsage;
}

/** What a turn is started with: a prompt, a parked turn that resumes, or a turn that the CLI began by itself. */
export interface TurnRequest {
  readonly info: TurnInfo;
  /** What the caller asked for; `beforeExecute` may replace it. */
  readonly plan: TurnPlan;
  /** Which route or plugin it came through, as in `POST /task`. */
  readonly route: string;
  /** True for a one-shot task whose folder was made for it alone. */
  readonly ownsWorkdir?: boolean;
  /** Calls that may run although the approval mode denies them. */
  readonly granted?: readonly GrantedCall[] | undefined;
  /** Set for a parked turn that resumes. `plan` then has the time that is left, and an empty prompt: the CLI has it. */
  readonly continues?: ContinuedTurn;
  /** True: if the session's conversation is lost, start a new one under the same id. */
  readonly restartConversation?: boolean;
  /** True: the session's own folder had gone, and was made again for files that came with the prompt. */
  readonly workdirRecreated?: boolean;
  /** Set for a turn that the CLI began by itself: it is followed, not run. */
  readonly background?: BackgroundTurn;
  /** True: withdraw the approval that the session is waiting for, if any. */
  readonly withdrawPending?: boolean;
}

/** The parts of the gateway that a turn uses. */
export interface TurnContext {
  readonly kernel: Kernel;
  readonly queue: TurnQueue;
  readonly engine: Engine;
  readonly records: Records;
  /**
   * Waits for the session's earlier turns. Resolves to a function that lets the next turn go; call it at the end of
   * this one. Rejects with UNAVAILABLE if too many turns wait, but never for a `resumed` turn, or with the signal's
   * reason.
   */
  readonly waitForEarlierTurns: (
    sessionId: string,
    stop: AbortSignal,
    resumed: boolean,
  ) => Promise<() => void>;
  /** Waits until no turn that the CLI began by itself runs in the session. Rejects with the signal's reason. */
  readonly waitForBackgroundTurns: (sessionId: string, stop: AbortSignal) => Promise<void>;
  /** Receives the events of all turns, for clients that follow a session. */
  readonly events: SessionEvents;
  /** What the CLI starts with unless a plugin's `spawn` tap says otherwise; by default with the key's first account. */
  readonly spawn: (workdir: string, keyId: string, account?: AccountChoice) => SpawnPlan;
  /** Which accounts have reached a limit. */
  readonly accounts: AccountLimits;
  /** The approval mode for a CLI that is started with this plan. It changes when plugins are switched on or off. */
  readonly approvalMode: (spawn: SpawnPlan) => ApprovalMode;
  readonly approvalService: ApprovalService;
  /** Takes a place for a turn that is about to park for a usage limit. False: too many turns of its key wait. */
  readonly limitWaits: Pick<LimitWaits, "reserve" | "release">;
  /** Throws CONFLICT if the session has a parked turn. With `withdraw` it ends that turn instead. */
  readonly checkParked: (sessionId: string, withdraw: boolean) => Promise<void>;
  /** Counts what a prompt holds. Throws UNAVAILABLE. The returned function is called when its turn has ended. */
  readonly hold: (keyId: string, bytes: number) => () => void;
  readonly workdirs: Workdirs;
  /** `[engine] trusted_workdirs`. */
  readonly trustedWorkdirs: readonly string[];
  /** Throws UNAVAILABLE while the ledger's file is missing, since writes would be lost. */
  readonly checkLedger: () => void;
  /** Learns from the ends of turns. */
  readonly login: Pick<LoginWatch, "turnEnded">;
  /** Aborted when the gateway closes. */
  readonly closing: AbortSignal;
  readonly log: Logger;
}

/** What a turn's caller gets. For a turn that parks, the answer so far. */
export type TurnResult = TurnOutcome | (Omit<TurnOutcome, "end"> & { readonly end: "parked" });

/** The end of a turn: its outcome, and the error that a client waiting for it gets instead of an answer. */
export interface FinishedTurn {
  readonly outcome: TurnResult;
  readonly error: GatewayError | undefined;
}
