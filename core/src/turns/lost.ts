import type {
  EngineSource,
  Ledger,
  SessionTotals,
  TurnInfo,
  TurnOutcome,
  TurnRecord,
  TurnUsage,
  WrittenUsage,
} from "@claudeway/ports";
import type { TurnResponse } from "@claudeway/schemas";
import type { Records } from "./request.js";
import { auditLine, lostResponse } from "./response.js";

/** A turn that was running when a gateway was killed, as passed to `afterExecute`. */
export interface LostTurn {
  readonly turn: TurnInfo;
  readonly outcome: TurnOutcome;
}

/**
 * How long before its last turn's end a gateway that was killed may have ended turns whose lines it had not written, in
 * ms.
 */
const UNWRITTEN_MS = 10_000;
/** How many of the session's latest turns are read. */
const LOOKED_AT = 100;

/**
 * Called after a crash: writes the audit lines of turns that a killed gateway had just ended but not yet logged. In a cluster,
 * `node` is its name.
 */
export async function writeMissingLines(
  { ledger, audit }: Pick<Records, "ledger" | "audit">,
  node?: string,
): Promise<void> {
  /** The turns in each affected audit file, so that it is read once. */
  const files = new Map<string, ReadonlySet<string>>();
  for (const turn of await ledger.turns.endedLast(UNWRITTEN_MS, node)) {
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

/** See `EngineSource.writtenSince`. */
export type WrittenSince = (
  session: string,
  keyId: string,
  since: Date,
  before: SessionTotals | undefined,
) => Promise<WrittenUsage | undefined>;

/**
 * Records as lost the turns that were running when a gateway was killed, by default all that no living node runs. Their usage
 * is what the gateway had received plus what the CLI itself recorded, since the CLI may have continued for a while. Resolves
 * to those that have not ended meanwhile.
 */
export async function recordLostTurns(
  { ledger, audit, log }: Pick<Records, "ledger" | "audit" | "log">,
  engine: Pick<EngineSource, "totalsAfterLoss" | "usageAfterLoss">,
  writtenSince: WrittenSince = async () => undefined,
  turns?: readonly TurnRecord[],
): Promise<LostTurn[]> {
  const lost: LostTurn[] = [];
  for (const open of turns ?? (await ledger.nodes.lostTurns())) {
    const { id, keyId, sessionId } = open;
    const before = (await ledger.sessions.get(sessionId))?.cliTotals;
    const since = await beginOf(open, ledger);
    const written = since && (await writtenSince(before?.session ?? sessionId, keyId, since, before));
    const usage = written && engine.usageAfterLoss(open.usage, written);
    const totalsAfter = (delivered: TurnUsage) =>
      written?.totals ?? engine.totalsAfterLoss(before, delivered);
    const at = new Date().toISOString();
    const undecided = await ledger.approvals.pending({ turnId: id });
    const respond = (turn: TurnRecord) => lostResponse(turn, undecided);
    const turn = await ledger.turns.markLost(id, { at, usage, respond, totalsAfter });
    if (turn === undefined) continue;
    const outcome = outcomeOf(turn, respond(turn));
    audit.turn(auditLine(turn, outcome, at));
    log.warn({ turn_id: id, key_id: turn.keyId }, "a turn was lost when the gateway ended");
    const { kind, origin = "prompt", createdAt } = turn;
    lost.push({ turn: { id, sessionId, kind, keyId, origin, createdAt }, outcome });
  }
  await audit.flush();
  return lost;
}

/**
 * The time from which the session's messages belong to this turn: the end of the previous turn, since no turn was
 * charged for subagents in between; its own begin if there is no previous turn, or that one is still open. Undefined
 * for a turn that was parked, because later usage cannot be separated from the recorded one.
 */
async function beginOf(open: TurnRecord, ledger: Ledger): Promise<Date | undefined> {
  const { id, sessionId, createdAt, wasParked } = open;
  if (wasParked === true) return undefined;
  const { turns } = await ledger.turns.listBySession(sessionId, { page: 1, limit: LOOKED_AT });
  const others = turns.filter((turn) => turn.id !== id);
  const ends = others.flatMap(({ ended }) => (ended === undefined ? [] : [Date.parse(ended.at)]));
  const allEnded = ends.length > 0 && ends.length === others.length;
  const begins = allEnded ? [] : [Date.parse(createdAt)];
  return new Date(Math.max(...begins, ...ends));
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
