import type { SessionsView, TurnRecord } from "@claudeway/core";
import type { LatestPrompts, Prompt } from "../live/prompts.js";

export interface PromptParts {
  readonly sessions: SessionsView;
  readonly prompts: LatestPrompts;
}

/** The prompts of turns: the latest are known, others are in the CLI's transcript. */
export async function promptsOf(
  sessionId: string,
  turns: readonly TurnRecord[],
  { prompts, sessions }: PromptParts,
): Promise<ReadonlyMap<string, Prompt>> {
  const found = new Map<string, Prompt>();
  for (const { id } of turns) {
    const known = prompts.of(id);
    if (known !== undefined) found.set(id, known);
  }
  const others = turns.filter(({ id, origin }) => !found.has(id) && origin !== "background");
  if (others.length === 0) return found;
  const ids = others.map(({ id }) => id);
  // Without them the page says how long they are: too many transcripts may be read at once.
  const recorded = await sessions.prompts(sessionId, ids).catch(() => new Map<string, Prompt>());
  return new Map([...found, ...recorded]);
}
