import type { TurnResponse } from "@claudeway/schemas";
import { denialOf, viewOf } from "../approvals/view.js";
import type { Approval } from "../ports/approvals.js";
import type { ParkedTurn, TurnOutcome, TurnPlan } from "../ports/turns.js";
import type { ContinuedTurn, TurnResult } from "./request.js";
import type { Ending } from "./response.js";

/** A resumed turn has to start a process: what was left of its time may be less than that takes, in ms. */
const MIN_TIME_LEFT_MS = 30_000;

/** How a turn ends for now: its caller is answered, and it goes on when somebody has decided. */
export const PARKED: Omit<Ending, "end"> = Object.freeze({
  message: "a tool call waits for a decision; the turn goes on when it is decided",
  error: undefined,
});

/** The answer of a turn that parks. */
export function parkedResponse(response: TurnResponse, pending: Approval): TurnResponse {
  return {
    ...response,
    success: false,
    permission_denials: [...(response.permission_denials ?? []), denialOf(pending)],
    pending_approval: viewOf({ ...pending, parked: true }),
  };
}

/** What is kept of a turn that parks, to go on with it. */
export function toPark({
  pending,
  plan,
  timeLeftMs,
  outcome,
  stream,
}: {
  readonly pending: Approval;
  readonly plan: TurnPlan;
  readonly timeLeftMs: number;
  readonly outcome: TurnOutcome;
  readonly stream: ParkedTurn["stream"];
}): ParkedTurn {
  return {
    approvalId: pending.id,
    toolUseId: pending.toolUseId,
    plan: planToKeep(plan, timeLeftMs),
    response: outcome.response,
    stream,
    ranMs: outcome.durationMs,
    queuedMs: outcome.queuedMs,
  };
}

/** The prompt is in the CLI's own transcript and nowhere else. */
function planToKeep({ prompt: _prompt, ...plan }: TurnPlan, timeLeftMs: number): ParkedTurn["plan"] {
  return { ...plan, timeoutMs: Math.max(timeLeftMs, MIN_TIME_LEFT_MS) };
}

/** What a turn that stays parked answers: what it answered when it was. */
export function answerSoFar({ parked, usage }: ContinuedTurn): TurnResult {
  const { response, ranMs: durationMs, queuedMs } = parked;
  const { model } = parked.plan;
  return { response, usage, durationMs, queuedMs, exitCode: null, model, end: "parked" };
}
