import type { TurnResponse } from "@claudeway/schemas";
import { afterLoss } from "../engine/bases.js";
import { totalsOf } from "../engine/usage.js";
import type { TurnRecord } from "../ledger/ledger.js";
import type { Books } from "./request.js";
import { auditLine, lostResponse } from "./response.js";
import type { TurnInfo, TurnOutcome, TurnUsage } from "./types.js";

/** A turn that was running when a gateway died, as plugins are told of it. */
export interface LostTurn {
  readonly turn: TurnInfo;
  readonly outcome: TurnOutcome;
}

/** How long before its last turn's end a gateway that was killed may have ended turns whose lines it had not written, in ms. */
const UNWRITTEN_MS = 10_000;

/** Writes the audit lines that a gateway did not get to which was killed: of turns that it had just ended. */
export async function writeMissingLines({ ledger, audit }: Books): Promise<void> {
  if (!ledger.afterCrash) return;
  /** The turns in each file that is concerned: it is read once. */
  const files = new Map<string, ReadonlySet<string>>();
  for (const turn of await ledger.turns.endedLast(UNWRITTEN_MS)) {
    const response = await ledger.turns.response(turn.id);
    if (turn.ended === undefined || response === undefined) continue;
    const { at } = turn.ended;
    const month = at.slice(0, 7);
    const file = `${turn.keyId}/${month}`;
    const written = files.get(file) ?? (await audit.latestTurns(turn.keyId, month));
    files.set(file, written);
    if (!written.has(turn.id))
      audit.turn(auditLine(turn, { ...turn.ended, response, usage: turn.usage }, at));
  }
  await audit.flush();
}

/** Books the turns that were running when a gateway died: what they were delivered, once, as lost. Resolves to those. */
export async function bookLostTurns({ ledger, audit, log }: Books): Promise<LostTurn[]> {
  const lost: LostTurn[] = [];
  for (const { id, sessionId } of await ledger.turns.running()) {
    const at = new Date().toISOString();
    const session = await ledger.sessions.get(sessionId);
    const totalsAfter = (delivered: TurnUsage) => afterLoss(session?.cliTotals, totalsOf(delivered));
    const undecided = await ledger.approvals.pending({ turnId: id });
    const respond = (turn: TurnRecord) => lostResponse(turn, undecided);
    const turn = await ledger.turns.markLost(id, { at, respond, totalsAfter });
    if (turn === undefined) continue;
    const outcome = outcomeOf(turn, respond(turn));
    audit.turn(auditLine(turn, outcome, at));
    log.warn({ turn_id: id, key_id: turn.keyId }, "a turn was lost when the gateway ended");
    const { kind, keyId, createdAt } = turn;
    lost.push({ turn: { id, sessionId, kind, keyId, createdAt }, outcome });
  }
  await audit.flush();
  return lost;
}

function outcomeOf(turn: TurnRecord, response: TurnResponse): TurnOutcome {
  return {
    end: "lost",
    response,
    usage: turn.usage,
    durationMs: turn.ended?.durationMs ?? 0,
    queuedMs: 0,
    exitCode: null,
    model: turn.model,
  };
}
