import {
  type Approval,
  type EngineResult,
  type Failure,
  FencedError,
  GatewayError,
  type LostTask,
  retryLater,
  type StopReason,
  type TurnAuditLine,
  type TurnEnd,
  type TurnInfo,
  type TurnOutcome,
  type TurnPlan,
  type TurnRecord,
  type TurnUsage,
  toGatewayError,
} from "@claudeway/ports";
import { type FailureCode, isObject, type PermissionDenial, type TurnResponse } from "@claudeway/schemas";
import { denialOf } from "../approvals/view.js";
import type { ContinuedTurn, TurnRequest } from "./request.js";

/** How a turn ended, with the error that a waiting client gets instead of an answer, if any. */
export interface Ending {
  readonly end: TurnEnd;
  readonly message: string | null;
  readonly error: GatewayError | undefined;
  /** What kept Claude from answering. */
  readonly failure?: Failure | undefined;
  /** With `TIMEOUT`: what the CLI was still repeating a request for. */
  readonly cause?: FailureCode | undefined;
}

/** The endings of turns that were ended from outside. */
const STOPPED: Readonly<Record<StopReason, Ending>> = {
  timeout: {
    end: "timeout",
    message: "the turn ran past timeout_secs",
    error: new GatewayError("TIMEOUT", "the turn ran past timeout_secs"),
  },
  budget: {
    end: "failed",
    message: "the turn was interrupted: it has cost more than its budget",
    error: undefined,
    failure: { code: "BUDGET_EXCEEDED" },
  },
  interrupted: { end: "interrupted", message: "the turn was interrupted", error: undefined },
  disconnected: { end: "interrupted", message: "the client disconnected", error: undefined },
  deleted: { end: "interrupted", message: "the session was deleted", error: undefined },
  fenced: {
    end: "interrupted",
    message: "the node of this turn lost its place in the cluster",
    error: retryLater("this node lost its place in the cluster; ask for the turn", 5),
  },
  shutdown: {
    end: "interrupted",
    message: "the gateway is shutting down",
    error: retryLater("the gateway is shutting down", 10),
  },
};

/** What a turn is answered with that another node records, because its session has gone from this one. */
const FENCED: Ending = {
  end: "lost",
  message: "the gateway lost the session to another node while the turn was running",
  error: retryLater("the gateway lost the session to another node; ask for the turn", 1),
};

/** The ending of a turn that the engine ran. */
export function endingOfResult(result: EngineResult, stopped: StopReason | undefined): Ending {
  if (result.end === "stopped" && stopped !== undefined) {
    const { failure } = result;
    return stopped === "timeout" && failure !== undefined ? timeoutIn(failure.code) : STOPPED[stopped];
  }
  return {
    end: result.end === "completed" ? "completed" : "failed",
    message: result.error,
    error: undefined,
    failure: result.end === "failed" ? result.failure : undefined,
  };
}

/** The ending of a turn whose time was over while the CLI repeated a failing request. */
function timeoutIn(cause: FailureCode): Ending {
  const message = `the turn ran past timeout_secs while a failing request was repeated: ${cause}`;
  const error = new GatewayError("TIMEOUT", message, { details: { cause } });
  return { end: "timeout", message, error, cause };
}

/** The ending of a turn that failed before or outside the engine; undefined if the error is a defect of the gateway. */
export function endingOfError(error: unknown, stopped: StopReason | undefined): Ending | undefined {
  if (stopped !== undefined && error === stopped) return STOPPED[stopped];
  if (error instanceof FencedError) return FENCED;
  const known = toGatewayError(error);
  return known && { end: "refused", message: known.message, error: known };
}

/** The facts about a turn that its outcome is made from. */
interface TurnFacts {
  readonly plan: TurnPlan;
  readonly ending: Ending;
  /** Undefined if the turn never reached the engine. */
  readonly result: EngineResult | undefined;
  /** The usage of the whole turn, including before it was parked. */
  readonly usage: TurnUsage;
  /** Denied calls that the key may not approve; undefined if only the key decides. */
  readonly closed: ReadonlySet<string> | undefined;
  /** Milliseconds that it ran and waited; for a parked turn, since it was parked. */
  readonly ranMs: number;
  readonly waitedMs: number;
  /** True: the session's working directory was missing and was recreated. */
  readonly workdirRecreated: boolean;
  /** Background work of the session that was stopped and that no answer has reported yet. */
  readonly lost?: readonly LostTask[];
  /** The accounts of the configuration that ran it, in order. */
  readonly accounts: readonly string[];
}

/** Creates the outcome of a turn. */
export function toOutcome(request: TurnRequest, facts: TurnFacts): TurnOutcome {
  const { plan, ending, result, usage, ranMs, waitedMs } = facts;
  const before = request.continues?.parked;
  const durationMs = Math.round((before?.ranMs ?? 0) + ranMs);
  return {
    end: ending.end,
    response: toResponse(request, facts, durationMs),
    usage,
    durationMs,
    queuedMs: Math.round((before?.queuedMs ?? 0) + waitedMs),
    exitCode: result?.exitCode ?? null,
    model: result?.model ?? plan.model,
    stopReason: result?.stopReason,
    toolCalls: result?.toolCalls,
    firstTokenMs: result?.firstTokenMs,
    process: result?.process,
    ...(facts.accounts.length > 0 && { accounts: facts.accounts }),
  };
}

/** The answer as clients get it. */
function toResponse(
  { info, granted = [], continues }: TurnRequest,
  { ending, result, usage, closed, workdirRecreated, lost = [] }: TurnFacts,
  durationMs: number,
): TurnResponse {
  const marked = (one: PermissionDenial): PermissionDenial =>
    closed?.has(one.tool_use_id) === true ? { ...one, approvable: false } : one;
  const denials = [...deniedBefore(continues), ...(result?.denials ?? []).map(marked)];
  const ran = new Set(result?.ran);
  const approved = new Map(continues?.parked.response.approved?.map((call) => [call.tool_use_id, call]));
  for (const { toolUseId: id } of granted) approved.set(id, { tool_use_id: id, ran: ran.has(id) });
  // The CLI takes structured output from a call of the model.
  const stop = result?.structuredOutput === undefined ? result?.stopReason : "end_turn";
  return {
    session_id: info.sessionId,
    result: result?.text ?? "",
    success: ending.end === "completed",
    duration_ms: durationMs,
    tokens: usage.tokens,
    cost_usd: usage.costUsd,
    error: ending.message,
    ...(ending.end === "completed" &&
      isObject(result?.structuredOutput) && { structured_output: { ...result.structuredOutput } }),
    ...(ending.end === "completed" && result?.calls && { client_calls: [...result.calls] }),
    // Absent where it ended its turn by itself: an answer without options stays as it always was.
    ...(ending.end === "completed" && stop !== undefined && stop !== "end_turn" && { stop_reason: stop }),
    ...(denials.length > 0 ? { permission_denials: denials } : {}),
    ...(approved.size > 0 && { approved: [...approved.values()] }),
    ...(usage.estimated ? { cost_estimated: true } : {}),
    ...(workdirRecreated ? { workdir_recreated: true } : {}),
    ...(lost.length > 0 && { background_lost: [...lost] }),
    ...failureOf(ending),
  };
}

/** The calls that were denied before the turn was parked, without the one that it was parked for. */
function deniedBefore(continues: ContinuedTurn | undefined): readonly PermissionDenial[] {
  const denials = continues?.parked.response.permission_denials ?? [];
  return denials.filter(({ tool_use_id }) => tool_use_id !== continues?.parked.toolUseId);
}

function failureOf({
  error,
  failure,
  cause,
}: Ending): Pick<TurnResponse, "code" | "resets_at" | "limit" | "cause" | "details"> {
  if (error !== undefined) {
    const { ownCode, details: { details } = {} } = error.options;
    return {
      code: ownCode ?? error.code,
      ...(details !== undefined && { details }),
      ...(cause !== undefined && { cause }),
    };
  }
  if (failure === undefined) return {};
  const { code, resetsAt, limit } = failure;
  return {
    code,
    ...(resetsAt !== undefined && { resets_at: resetsAt }),
    ...(limit !== undefined && { limit }),
  };
}

/** What a turn's line in the audit log has of its outcome. */
type ReportedOutcome = Omit<TurnOutcome, "response"> & {
  readonly response: Pick<TurnResponse, "success" | "tokens" | "cost_usd" | "error">;
};

/** A turn's line in the audit log. */
export function auditLine(info: TurnInfo, outcome: ReportedOutcome, timestamp: string): TurnAuditLine {
  const { response } = outcome;
  return {
    timestamp,
    level: response.success ? "INFO" : "WARN",
    key_id: info.keyId,
    session_id: info.sessionId,
    turn_id: info.id,
    origin: info.origin ?? "prompt",
    model: outcome.model,
    ...(outcome.accounts !== undefined && { accounts: [...outcome.accounts] }),
    claude_exit_code: outcome.exitCode,
    duration_ms: outcome.durationMs,
    queued_ms: outcome.queuedMs,
    success: response.success,
    tokens: response.tokens,
    cost_usd: response.cost_usd,
    ...(outcome.usage.estimated ? { cost_estimated: true } : {}),
    message: `${info.kind} ${info.origin === "background" ? "background turn " : ""}${outcome.end}${response.error === null ? "" : `: ${response.error}`}`,
  };
}

/**
 * The answer that is stored for a turn that was running when a gateway was killed. Calls that waited for a decision are
 * listed as denied: none of them has run, and each can still be approved.
 */
export function lostResponse(
  { sessionId, usage, ended }: TurnRecord,
  undecided: readonly Approval[],
): TurnResponse {
  return {
    session_id: sessionId,
    result: "",
    success: false,
    duration_ms: ended?.durationMs ?? 0,
    tokens: usage.tokens,
    cost_usd: usage.costUsd,
    error: "the gateway ended while the turn was running",
    ...(undecided.length > 0 ? { permission_denials: undecided.map(denialOf) } : {}),
    ...(usage.estimated ? { cost_estimated: true } : {}),
    code: "UNAVAILABLE",
  };
}
