import type { Approval, ConversationTurn, LedgerView, TurnRecord } from "@claudeway/core";
import { type PromptParts, promptsOf } from "./prompts-of.js";
import { promptView } from "./views.js";

/** Turns before the one that asks, and characters of each of their texts. */
const MAX_BEFORE = 3;
const SHOWN_CHARS = 2000;
/** The latest turns of a session among which the one that asks is looked for. */
const LATEST = 20;

export interface ContextParts extends PromptParts {
  readonly ledger: LedgerView;
}

/** What a person needs to know of a call besides its input: the prompt, what the turn did so far, and what was said before. */
export async function contextOf({ sessionId, turnId }: Approval, parts: ContextParts) {
  const { sessions, ledger } = parts;
  const turn = await ledger.turn(turnId);
  const latest = await sessions.turns(sessionId, { page: 1, limit: LATEST });
  const at = latest.turns.findIndex(({ id }) => id === turnId);
  const before = at === -1 ? [] : latest.turns.slice(at + 1, at + 1 + MAX_BEFORE).toReversed();
  const said = await promptsOf(sessionId, [...before, ...(turn === undefined ? [] : [turn])], parts);
  return {
    origin: turn?.origin ?? "prompt",
    prompt_bytes: turn?.prompt.bytes ?? 0,
    prompt: promptView(said.get(turnId)),
    turn: at === -1 ? null : await recordedTurn(sessionId, turnId, at, parts),
    before: await Promise.all(before.map((one) => briefly(one, said.get(one.id)?.text, ledger))),
  };
}

export type ApprovalContext = Awaited<ReturnType<typeof contextOf>>;

/** What the CLI recorded of the turn. It may lack turns that the ledger has, but has few that the ledger lacks. */
async function recordedTurn(sessionId: string, turnId: string, at: number, { sessions }: ContextParts) {
  const page = await sessions.messages(sessionId, { page: 1, limit: at + 2 }).catch(() => undefined);
  const turn: ConversationTurn | undefined = page?.turns.find(({ turn_id }) => turn_id === turnId);
  return turn ?? null;
}

async function briefly(turn: TurnRecord, prompt: string | undefined, ledger: LedgerView) {
  const response = await ledger.response(turn.id);
  return {
    turn_id: turn.id,
    created_at: turn.createdAt,
    prompt: prompt?.slice(0, SHOWN_CHARS) ?? null,
    result: response === undefined ? null : (response.error ?? response.result).slice(0, SHOWN_CHARS),
  };
}
