import type { Approval, LedgerView, TurnRecord } from "@claudeway/core";
import { type PromptParts, promptsOf } from "./prompts-of.js";
import { latestTurns, recordedTurn } from "./recorded-turn.js";
import { promptView } from "./views.js";

/** Turns before the one that asks, and characters of each of their texts. */
const MAX_BEFORE = 3;
const SHOWN_CHARS = 2000;

export interface ContextParts extends PromptParts {
  readonly ledger: LedgerView;
}

/** What a person needs to know of a call besides its input: the prompt, what the turn did so far, and what was said before. */
export async function contextOf({ sessionId, turnId }: Approval, parts: ContextParts) {
  const { ledger } = parts;
  const turn = await ledger.turn(turnId);
  const { turns, at } = await latestTurns(sessionId, turnId, parts);
  const before = at === -1 ? [] : turns.slice(at + 1, at + 1 + MAX_BEFORE).toReversed();
  const said = await promptsOf(sessionId, [...before, ...(turn === undefined ? [] : [turn])], parts);
  return {
    origin: turn?.origin ?? "prompt",
    prompt_bytes: turn?.prompt.bytes ?? 0,
    prompt: promptView(said.get(turnId)),
    turn: (await recordedTurn(sessionId, turnId, parts)) ?? null,
    before: await Promise.all(before.map((one) => briefly(one, said.get(one.id)?.text, ledger))),
  };
}

export type ApprovalContext = Awaited<ReturnType<typeof contextOf>>;

async function briefly(turn: TurnRecord, prompt: string | undefined, ledger: LedgerView) {
  const response = await ledger.response(turn.id);
  return {
    turn_id: turn.id,
    created_at: turn.createdAt,
    prompt: prompt?.slice(0, SHOWN_CHARS) ?? null,
    result: response === undefined ? null : (response.error ?? response.result).slice(0, SHOWN_CHARS),
  };
}
