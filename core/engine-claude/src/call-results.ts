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
 * before anything else, and takes none of a call that the CLI has gone on without: those are text. Throws CONFLICT for a result
 * of another call.
 */
export function withResults<Turn extends Pick<EngineTurn, "plan" | "totals">>(
  turn: Turn,
  waiting: readonly string[],
): Turn {
  const results = resultsOf(turn.plan);
  const ids = results.map(({ tool_use_id: id }) => id);
  // A turn of the CLI's own that was lost is in the transcript only: what the last report says to wait is late.
  const { late: gone = [], calls = [] } = turn.totals ?? {};
  const known = [...new Set([...waiting, ...gone, ...calls])];
  const unknown = ids.find((id, index) => !known.includes(id) || ids.indexOf(id) !== index);
  if (unknown !== undefined)
    throw new GatewayError(
      "CONFLICT",
      `prompt: no call ${unknown} of this session waits for a result; calls that wait: ${known.join(", ") || "none"}`,
    );
  const late = results.filter(({ tool_use_id: id }) => !waiting.includes(id));
  if (waiting.length === 0 && late.length === 0) return turn;
  const { prompt, content = [{ type: "text", text: prompt }] } = turn.plan;
  const missing = waiting.filter((id) => !ids.includes(id)).map(noResult);
  const inTime = results.filter((result) => !late.includes(result));
  const others = content.filter(({ type }) => type !== "tool_result");
  // As with other results, nothing of it is a command or mentions a file.
  const verbatim = late.length > 0 || turn.plan.verbatim;
  const all = [...inTime, ...missing, ...late.flatMap(asText), ...others];
  return { ...turn, plan: { ...turn.plan, verbatim, content: all } };
}

function asText({ tool_use_id: id, content = "", is_error }: CallResult): ContentBlock[] {
  const blocks = typeof content === "string" ? [{ type: "text" as const, text: content }] : content;
  const said = is_error === true ? "has failed after all" : "has a result after all";
  const [first, ...others] = blocks;
  return first?.type === "text"
    ? [{ type: "text", text: `The call ${id} ${said}: ${first.text}` }, ...others]
    : [{ type: "text", text: `The call ${id} ${said}.` }, ...blocks];
}

function noResult(id: string): CallResult {
  return { type: "tool_result", tool_use_id: id, content: NO_RESULT, is_error: true };
}
