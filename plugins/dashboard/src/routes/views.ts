import type { Approvals, SessionRecord, Totals, TurnRecord, TurnResponse } from "@claudeway/core";
import type { Prompt } from "../live/prompts.js";

/** The cost of several turns: null if no price is known for any of them. */
export function costOf({ costUsd, unpriced }: Pick<Totals, "costUsd" | "unpriced">): number | null {
  return unpriced > 0 && costUsd === 0 ? null : costUsd;
}

interface SessionMarks {
  readonly running: boolean;
  /** For a person's decision. */
  readonly waiting: boolean;
  readonly firstPrompt: string | undefined;
}

/** A session as shown to the admin. */
export function sessionView(session: SessionRecord, { running, waiting, firstPrompt }: SessionMarks) {
  const { totals } = session;
  return {
    session_id: session.id,
    key_id: session.keyId,
    title: session.title ?? null,
    first_prompt: firstPrompt ?? null,
    model: session.model,
    created_at: session.createdAt,
    last_used: session.lastUsed,
    task_count: session.taskCount,
    workdir: session.workdir,
    tokens: totals.tokens,
    cost_usd: costOf(totals),
    cost_estimated: totals.estimated > 0,
    cost_unpriced_turns: totals.unpriced,
    running,
    waiting,
  };
}

export type SessionView = ReturnType<typeof sessionView>;

/** Paging fields of any list. */
export interface Page {
  readonly total: number;
  readonly page: number;
  readonly limit: number;
}

/** A turn without its prompt and answer. `waits`: held for a person's decision. */
export function turnView(turn: TurnRecord, waits = false) {
  const { ended, usage } = turn;
  const going = waits ? "waiting" : "running";
  return {
    turn_id: turn.id,
    session_id: turn.sessionId,
    key_id: turn.keyId,
    kind: turn.kind,
    origin: turn.origin ?? "prompt",
    route: turn.route,
    created_at: turn.createdAt,
    state: ended?.end ?? (turn.parked === undefined ? going : "parked"),
    ended_at: ended?.at ?? null,
    model: ended?.model ?? turn.model,
    duration_ms: ended?.durationMs ?? null,
    queued_ms: ended?.queuedMs ?? null,
    prompt_bytes: turn.prompt.bytes,
    tokens: usage.tokens,
    cost_usd: usage.costUsd,
    cost_estimated: usage.estimated,
  };
}

export type TurnView = ReturnType<typeof turnView>;

/** How many calls wait for a decision, and the turns and sessions of the latest hundred of them. */
export async function waitingIn(approvalService: Approvals) {
  const { approvals, total } = await approvalService.list({ page: 1, limit: 100, status: "pending" });
  return {
    total,
    turnIds: new Set(approvals.map(({ turnId }) => turnId)),
    sessionIds: new Set(approvals.map(({ sessionId }) => sessionId)),
  };
}

/** Characters of a prompt or an answer in a list of turns. */
const SHOWN_CHARS = 20_000;

/** The prompt of a turn, its text cut; null if unknown. */
export function promptView(prompt: Prompt | undefined) {
  return prompt === undefined ? null : { text: prompt.text.slice(0, SHOWN_CHARS), chars: prompt.chars };
}

/** The answer of a turn, its text cut; `/turns/:id` has the whole. */
export function answerView(response: TurnResponse | undefined) {
  if (response === undefined) return null;
  const { result, success, error, permission_denials = [] } = response;
  return {
    result: result.slice(0, SHOWN_CHARS),
    result_chars: result.length,
    success,
    error,
    permission_denials,
  };
}
