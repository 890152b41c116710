import type { Refusal, SpawnPlan, StopReason, TurnPlan } from "@claudeway/ports";
import type { TurnSlot } from "@claudeway/scheduling";
import type { TurnCalls } from "../approvals/calls.js";

/** How far a turn has come. `Turn` and its preparation write it; its events and its end read it. */
export interface TurnProgress {
  /** The caller's plan; after `beforeExecute`, the plan that the plugins returned. */
  plan: TurnPlan;
  /** Why the turn was ended from outside, if it was. */
  stopped: StopReason | undefined;
  /** With `stopped`: what the caller gets instead of that. */
  refusal?: Refusal | undefined;
  slot: TurnSlot | undefined;
  /** Decides the turn's tool calls, and knows which of them wait; undefined if none can wait. */
  calls: TurnCalls | undefined;
  /** Milliseconds spent waiting for the session's earlier turns; time in the queue is in `slot`. */
  waitedMs: number;
  workdirRecreated: boolean;
  /** The accounts of the configuration that have run the turn, in order. */
  readonly accounts: string[];
  /** The environment of the turn's CLI. */
  environment: SpawnPlan["env"];
}
