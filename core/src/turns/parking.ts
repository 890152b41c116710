import { approvalView } from "@claudeway/events";
import type { Approval, KeptTurn, TurnOutcome, TurnPlan } from "@claudeway/ports";
import type { TurnResponse } from "@claudeway/schemas";
import { denialOf } from "../approvals/view.js";
import type { ContinuedTurn, TurnResult } from "./request.js";
import type { Ending } from "./response.js";

/** The least time that a resumed turn gets, in ms, since starting a process may need more than was left. */
const MIN_TIME_LEFT_MS = 30_000;

/** The interim ending of a turn that parks: its caller is answered, and the turn resumes after the decision. */
export const PARKED: Omit<Ending, "end"> = Object.freeze({
  message: "a tool call waits for a decision; the turn resumes when it is decided",
  error: undefined,
});

/** The answer of a turn that parks. */
export function parkedResponse(response: TurnResponse, pending: Approval): TurnResponse {
  return {
    ...response,
    success: false,
    permission_denials: [...(response.permission_denials ?? []), denialOf(pending)],
    pending_approval: approvalView({ ...pending, parked: true }),
  };
}

/** What is stored of a turn that parks, to resume it. The prompt is left out: it is in the CLI's own transcript only. */
export function toKeep(plan: TurnPlan, timeLeftMs: number, outcome: TurnOutcome): Omit<KeptTurn, "stream"> {
  const { prompt: _prompt, content: _content, ...kept } = plan;
  const { response, durationMs: ranMs, queuedMs } = outcome;
  const timeoutMs = Math.max(timeLeftMs, MIN_TIME_LEFT_MS);
  return { plan: { ...kept, timeoutMs }, response, ranMs, queuedMs };
}

/** The answer of a turn that stays parked: the same as when it parked. */
export function answerSoFar({ parked, usage }: ContinuedTurn): TurnResult {
  const { response, ranMs: durationMs, queuedMs } = parked;
  const { model } = parked.plan;
  return { response, usage, durationMs, queuedMs, exitCode: null, model, end: "parked" };
}
