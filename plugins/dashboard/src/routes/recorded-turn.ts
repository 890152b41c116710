import type { ConversationTurn, SessionsView } from "@claudeway/core";

export interface TurnParts {
  readonly sessions: SessionsView;
}

/** The latest turns of a session among which one is looked for. */
const LATEST = 20;

/** The latest turns of a session, and where one is among them; -1 if it is older. */
export async function latestTurns(sessionId: string, turnId: string, { sessions }: TurnParts) {
  const { turns } = await sessions.turns(sessionId, { page: 1, limit: LATEST });
  return { turns, at: turns.findIndex(({ id }) => id === turnId) };
}

/**
 * What the CLI recorded of a turn; undefined if it is not found. The transcript may lack turns that the ledger has, but has
 * few that the ledger lacks.
 */
export async function recordedTurn(
  sessionId: string,
  turnId: string,
  parts: TurnParts,
): Promise<ConversationTurn | undefined> {
  const { at } = await latestTurns(sessionId, turnId, parts);
  if (at === -1) return undefined;
  const page = await parts.sessions.messages(sessionId, { page: 1, limit: at + 2 }).catch(() => undefined);
  return page?.turns.find(({ turn_id }) => turn_id === turnId);
}
