import { type EngineTurn, GatewayError, type TurnPlan } from "@claudeway/ports";
import type { ContentBlock } from "@claudeway/schemas";

type CallResult = Extract<ContentBlock, { readonly type: "tool_result" }>;

const NO_RESULT = "The user went on without running this call.";

/** The results of calls in a turn's prompt. */
export function resultsOf({ content = [] }: Pick<TurnPlan, "content">): readonly CallResult[] {
  return content.filter((block) => block.type === "tool_result");
}

/** Whether the prompt has results of calls. */
export function hasResults({ plan }: Pick<EngineTurn, "plan">): boolean {
  return resultsOf(plan).length > 0;
}

/** Whether calls of the conversation may wait for results. */
export function mayNeedResults(turn: Pick<EngineTurn, "plan" | "totals">): boolean {
  const { totals, plan } = turn;
  return (totals?.calls ?? []).length > 0 || hasResults(turn) || plan.options?.clientTools !== undefined;
}

/**
 * The turn with a result for each call that waits: what the prompt does not answer failed. The model API wants results
 * before anything else. Throws CONFLICT for a result of another call.
 */
export function withResults<Turn extends Pick<EngineTurn, "plan">>(
  turn: Turn,
  waiting: readonly string[],
): Turn {
  const results = resultsOf(turn.plan);
  const ids = results.map(({ tool_use_id: id }) => id);
  const unknown = ids.find((id, index) => !waiting.includes(id) || ids.indexOf(id) !== index);
  if (unknown !== undefined)
    throw new GatewayError(
      "CONFLICT",
      `prompt: no call ${unknown} of this session waits for a result; calls that wait: ${waiting.join(", ") || "none"}`,
    );
  if (waiting.length === 0) return turn;
  const { prompt, content = [{ type: "text", text: prompt }] } = turn.plan;
  const missing = waiting.filter((id) => !ids.includes(id)).map(noResult);
  const others = content.filter(({ type }) => type !== "tool_result");
  return { ...turn, plan: { ...turn.plan, content: [...results, ...missing, ...others] } };
}

function noResult(id: string): CallResult {
  return { type: "tool_result", tool_use_id: id, content: NO_RESULT, is_error: true };
}
