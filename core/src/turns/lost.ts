import { afterLoss } from "../engine/bases.js";
import { totalsOf } from "../engine/usage.js";
import type { TurnRecord } from "../ledger/ledger.js";
import type { Books } from "./booking.js";
import { auditLine, lostResponse } from "./response.js";
import type { TurnOutcome, TurnUsage } from "./types.js";

/** Books the turns that were running when a gateway died: what they were delivered, once, as lost. */
export async function bookLostTurns({ ledger, audit, log }: Books): Promise<void> {
  for (const { id, sessionId } of await ledger.turns.running()) {
    const at = new Date().toISOString();
    const session = await ledger.sessions.get(sessionId);
    const totalsAfter = (delivered: TurnUsage) => afterLoss(session?.cliTotals, totalsOf(delivered));
    const turn = await ledger.turns.markLost(id, { at, respond: lostResponse, totalsAfter });
    if (turn === undefined) continue;
    audit.turn(auditLine(turn, outcomeOf(turn), at));
    log.warn({ turn_id: id, key_id: turn.keyId }, "a turn was lost when the gateway ended");
  }
}

function outcomeOf(turn: TurnRecord): TurnOutcome {
  return {
    end: "lost",
    response: lostResponse(turn),
    usage: turn.usage,
    durationMs: turn.ended?.durationMs ?? 0,
    queuedMs: 0,
    exitCode: null,
    model: turn.model,
  };
}
