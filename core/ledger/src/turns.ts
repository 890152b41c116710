import {
  type ChildNote,
  FencedError,
  type IdempotencyClaim,
  LedgerError,
  type NewTurn,
  type NodeStart,
  type PageQuery,
  type StatisticsRange,
  type TurnEnding,
  type TurnLoss,
  type TurnOutcome,
  type TurnPage,
  type TurnParking,
  type TurnQuery,
  type TurnRecord,
  type TurnSearchPage,
  type TurnStatistics,
  type TurnUsage,
} from "@claudeway/ports";
import type { TurnResponse } from "@claudeway/schemas";
import { lineRestOf } from "./audit.js";
import { holdKey } from "./idempotency.js";
import { LatePrices, type PricedTurn } from "./late-prices.js";
import { MayHave } from "./may-have.js";
import { checkPage, offsetOf } from "./pages.js";
import type { PriceTable } from "./prices.js";
import { type QuotaTable, useOf } from "./quota.js";
import type { Row } from "./rows.js";
import { integer, maybeText, text, toMs } from "./rows.js";
import { type Epoch, refuseOldEpoch } from "./session-epoch.js";
import { changeModel } from "./sessions.js";
import { book, join, onlyModelOf, restOf, toUsage } from "./shares.js";
import type { Sql, Work } from "./sql.js";
import type { TotalsTable } from "./totals.js";
import {
  bookedOf,
  columnsOf,
  findTurn,
  NOTHING_USED,
  PROCESS,
  placeOf,
  SELECT_BOOKED,
  SELECT_TURN,
  toTurn,
  USED,
  usageOf,
} from "./turn-row.js";
import { searchTurns } from "./turn-search.js";
import { statisticsOf } from "./turn-statistics.js";

const SESSION_EPOCH = "(SELECT s.epoch FROM sessions s WHERE s.seq = session_seq)";
const SAME_EPOCH = `epoch = ${SESSION_EPOCH}`;
/** The turn with this id, if it is open and its session has not changed hands. */
const OWN_EPOCH = `id = ? AND "end" IS NULL AND ${SAME_EPOCH}`;

export class TurnTable {
  /** Turns that are parked. */
  readonly #waiting: MayHave;
  readonly #latePrices: LatePrices;

  constructor(
    private readonly sql: Sql,
    private readonly totals: TotalsTable,
    private readonly prices: PriceTable,
    /** Calls that the CLI keeps. */
    private readonly kept: MayHave,
    private readonly quota: QuotaTable,
  ) {
    this.#waiting = new MayHave(sql, "SELECT 1 FROM turns WHERE parked IS NOT NULL LIMIT 1");
    this.#latePrices = new LatePrices(sql, prices, quota);
  }

  begin(turn: NewTurn, claim: Epoch, key?: IdempotencyClaim): Work<void> {
    return this.sql.transaction(this.#begin(turn, claim, key));
  }

  *#begin(turn: NewTurn, { epoch }: Epoch, key?: IdempotencyClaim): Work<void> {
    if (turn.origin === "background" && (yield* findTurn(this.sql, turn.id)) !== undefined) return;
    const at = toMs(turn.createdAt);
    const found = yield* this.sql.run(
      "UPDATE sessions SET begun = begun + 1, last_used = max(last_used, ?) WHERE id = ? AND epoch = ?",
      at,
      turn.sessionId,
      epoch,
    );
    if (found === 0) {
      yield* refuseOldEpoch(this.sql, turn.sessionId);
      throw new LedgerError(`ledger: unknown session ${turn.sessionId}`);
    }
    if (key !== undefined) yield* holdKey(this.sql, key);
    yield* this.sql.send(
      `INSERT INTO turns (id, session_seq, key_id, route, model, prompt_bytes, prompt_sha256, created_at,
           origin, metadata, node, incarnation, epoch)
         SELECT ?, seq, ?, ?, ?, CAST(? AS BIGINT), ?, CAST(? AS BIGINT), ?, ?, owner, owner_incarnation, epoch
         FROM sessions WHERE id = ?`,
      turn.id,
      turn.keyId,
      turn.route,
      turn.model,
      turn.prompt.bytes,
      Buffer.from(turn.prompt.sha256, "hex"),
      at,
      turn.origin ?? "prompt",
      turn.metadata === undefined ? null : JSON.stringify(turn.metadata),
      turn.sessionId,
    );
    for (const [name, value] of Object.entries(turn.metadata ?? {}))
      yield* this.sql.send(
        `INSERT INTO session_metadata (name, value, session_seq)
           SELECT ?, ?, seq FROM sessions WHERE id = ? ON CONFLICT DO NOTHING`,
        name,
        value,
        turn.sessionId,
      );
  }

  *recordUsage(turnId: string, usage: TurnUsage, child?: ChildNote): Work<void> {
    const model = onlyModelOf(usage) ?? (yield* this.#modelOf(turnId));
    if (model === undefined) return;
    const used = columnsOf(book(usage, model));
    const changed = yield* child === undefined
      ? this.sql.run(`UPDATE turns SET ${USED} WHERE ${OWN_EPOCH}`, ...used, turnId)
      : this.sql.run(
          `UPDATE turns SET ${USED}, ${PROCESS} WHERE ${OWN_EPOCH}`,
          ...used,
          ...placeOf(child),
          turnId,
        );
    if (changed === 0) yield* this.#refuseFenced(turnId);
  }

  /** The model that a turn was asked of. */
  *#modelOf(turnId: string): Work<string | undefined> {
    const turn = yield* this.sql.one("SELECT model FROM turns WHERE id = ?", turnId);
    return turn && text(turn, "model");
  }

  /** Throws a FencedError if the turn is open, under an epoch that is no longer its session's. */
  *#refuseFenced(turnId: string): Work<void> {
    const turn = yield* findTurn(this.sql, turnId);
    if (turn !== undefined && !hasEnded(turn)) checkEpoch(turn);
  }

  end(turnId: string, outcome: TurnOutcome, ending: TurnEnding): Work<boolean> {
    return this.sql.transaction(this.#end(turnId, outcome, ending));
  }

  *#end(turnId: string, outcome: TurnOutcome, ending: TurnEnding, check = checkEpoch): Work<boolean> {
    const turn = yield* this.#lock(turnId);
    if (turn === undefined) throw new LedgerError(`ledger: unknown turn ${turnId}`);
    // Its answer was lost on the way.
    if (hasEnded(turn)) return yield* this.#isEnd(turn, outcome, ending);
    check(turn);
    // A result confirms that the CLI received the decision on the call that it kept; otherwise that is unknown.
    if (outcome.exitCode === 0 && turn["parked"] === null) yield* this.#heardOfAll(turnId);
    yield* this.#book(turn, outcome, ending);
    if (ending.process !== undefined)
      yield* this.sql.run(`UPDATE turns SET ${PROCESS} WHERE id = ?`, ...placeOf(ending.process), turnId);
    return true;
  }

  /** Whether this is the end that was recorded. */
  *#isEnd(turn: Row, { end, response }: TurnOutcome, { at }: TurnEnding): Work<boolean> {
    if (text(turn, "end") !== end) return false;
    const recorded = yield* this.sql.one(
      "SELECT r.json, t.ended_at FROM turn_responses r JOIN turns t ON t.seq = r.turn_seq WHERE t.seq = ?",
      integer(turn, "seq"),
    );
    if (recorded === undefined || integer(recorded, "ended_at") !== toMs(at)) return false;
    return text(recorded, "json") === JSON.stringify(response);
  }

  markLost(turnId: string, loss: TurnLoss): Work<TurnRecord | undefined> {
    return this.sql.transaction(this.#markLost(turnId, loss));
  }

  *#markLost(
    turnId: string,
    { at, usage: known, respond, totalsAfter }: TurnLoss,
  ): Work<TurnRecord | undefined> {
    const row = yield* this.#lock(turnId, SELECT_TURN);
    if (row === undefined) throw new LedgerError(`ledger: unknown turn ${turnId}`);
    const turn = toTurn(row);
    if (turn.ended !== undefined) return undefined;
    const sinceParked = yield* this.prices.price({ ...(known ?? usageOf(row)), estimated: true });
    const usage = wholeUsage(row, sinceParked);
    const response = respond({ ...turn, usage });
    const durationMs = Math.max(0, toMs(at) - toMs(turn.createdAt));
    const model = turn.model;
    yield* this.#end(
      turnId,
      { end: "lost", response, usage, durationMs, queuedMs: 0, exitCode: null, model },
      { at, sinceParked, cliTotals: totalsAfter?.(sinceParked) },
      // Whoever finds it may record it: its session is free, or another node has it.
      () => undefined,
    );
    return yield* this.get(turnId);
  }

  park(turnId: string, parking: TurnParking): Work<void> {
    return this.sql.transaction(this.#park(turnId, parking));
  }

  *#park(turnId: string, { at, cliTotals, parked, usage, model }: TurnParking): Work<void> {
    const { approvalId } = parked;
    this.#waiting.expect();
    if (approvalId !== undefined) this.kept.expect();
    const turn = yield* this.#lock(turnId);
    if (turn === undefined || hasEnded(turn)) throw new LedgerError(`ledger: turn ${turnId} is not open`);
    checkEpoch(turn);
    // Its answer was lost on the way.
    if (turn["parked"] === JSON.stringify(parked)) return;
    const before = bookedOf(turn);
    const now = book(usage, model);
    const sessionSeq = integer(turn, "session_seq");
    const whole = before === undefined ? now : join(before, now);
    yield* this.quota.park(turnId, useOf(whole), toMs(at));
    yield* this.sql.run(
      `UPDATE turns SET ${USED}, booked = ?, parked = ? WHERE id = ?`,
      ...NOTHING_USED,
      JSON.stringify(whole),
      JSON.stringify(parked),
      turnId,
    );
    yield* this.#heardOfAll(turnId);
    if (approvalId !== undefined)
      yield* this.sql.run("UPDATE approvals SET parked = 1, owed = 1 WHERE id = ?", approvalId);
    yield* this.totals.add(
      now,
      { sessionSeq, keyId: text(turn, "key_id"), ms: toMs(at), cliTotals },
      "ahead",
    );
  }

  unpark(turnId: string): Work<void> {
    return this.sql.transaction(this.#unpark(turnId));
  }

  *#unpark(turnId: string): Work<void> {
    const turn = yield* this.#lock(turnId);
    if (turn === undefined || hasEnded(turn)) return;
    checkEpoch(turn);
    yield* this.sql.run("UPDATE turns SET parked = NULL WHERE id = ?", turnId);
    yield* this.quota.unpark(turnId);
  }

  adopt(turnId: string, claim: Epoch): Work<void> {
    return this.sql.transaction(this.#adopt(turnId, claim));
  }

  *#adopt(turnId: string, { epoch }: Epoch): Work<void> {
    const turn = yield* this.#lock(turnId);
    if (turn === undefined) throw new LedgerError(`ledger: unknown turn ${turnId}`);
    if (integer(turn, "session_epoch") !== epoch) throw new FencedError(text(turn, "session_id"));
    yield* this.sql.run(
      `UPDATE turns SET (node, incarnation, epoch) =
         (SELECT owner, owner_incarnation, epoch FROM sessions WHERE seq = session_seq)
       WHERE id = ?`,
      turnId,
    );
  }

  *parked(sessionId?: string): Work<TurnRecord[]> {
    if (!(yield* this.#waiting.any())) return [];
    const ofSession = sessionId === undefined ? "" : " AND s.id = ?";
    const values = sessionId === undefined ? [] : [sessionId];
    const sql = `${SELECT_TURN} WHERE t.parked IS NOT NULL${ofSession} ORDER BY t.seq`;
    return (yield* this.sql.all(sql, ...values)).map(toTurn);
  }

  *get(turnId: string): Work<TurnRecord | undefined> {
    const row = yield* findTurn(this.sql, turnId);
    return row === undefined ? undefined : toTurn(row);
  }

  *response(turnId: string): Work<TurnResponse | undefined> {
    const row = yield* this.sql.one(
      "SELECT r.json FROM turn_responses r JOIN turns t ON t.seq = r.turn_seq WHERE t.id = ?",
      turnId,
    );
    if (row === undefined) return (yield* this.get(turnId))?.parked?.response;
    // Written by `end`.
    const response: TurnResponse = JSON.parse(text(row, "json"));
    return response;
  }

  search(query: TurnQuery): Work<TurnSearchPage> {
    return searchTurns(this.sql, query);
  }

  statistics(range: StatisticsRange): Work<TurnStatistics> {
    return statisticsOf(this.sql, range);
  }

  *listBySession(sessionId: string, query: PageQuery): Work<TurnPage> {
    const { page, limit } = checkPage(query);
    const session = yield* this.sql.one("SELECT seq, begun FROM sessions WHERE id = ?", sessionId);
    if (session === undefined) return { turns: [], total: 0, page, limit };
    const rows = yield* this.sql.all(
      `${SELECT_TURN} WHERE t.session_seq = ? ORDER BY t.seq DESC LIMIT ? OFFSET ?`,
      integer(session, "seq"),
      limit,
      offsetOf(query),
    );
    return { turns: rows.map(toTurn), total: integer(session, "begun"), page, limit };
  }

  *running(of?: NodeStart): Work<TurnRecord[]> {
    const [own, values] =
      of === undefined ? ["", []] : [" AND t.node = ? AND t.incarnation = ?", [of.node, of.incarnation]];
    const sql = `${SELECT_TURN} WHERE t.end IS NULL AND t.parked IS NULL${own} ORDER BY t.seq`;
    return (yield* this.sql.all(sql, ...values)).map(toTurn);
  }

  *endedLast(withinMs: number, node?: string): Work<TurnRecord[]> {
    const [own, values] = node === undefined ? ["", []] : [" AND t.node = ?", [node]];
    const since = `(SELECT max(t.ended_at) FROM turns t WHERE true${own}) - ?`;
    const sql = `${SELECT_TURN} WHERE t.ended_at >= ${since}${own} ORDER BY t.ended_at`;
    return (yield* this.sql.all(sql, ...values, withinMs, ...values)).map(toTurn);
  }

  /** The turn, which stays as it is until the end of the transaction; so does its session. */
  *#lock(turnId: string, select = SELECT_BOOKED): Work<Row | undefined> {
    return yield* this.sql.one(`${select} WHERE t.id = ?${this.sql.dialect.forUpdate}`, turnId);
  }

  /** Records that the CLI no longer keeps a call of this turn. */
  *#heardOfAll(turnId: string): Work<void> {
    if (yield* this.kept.any())
      yield* this.sql.send("UPDATE approvals SET owed = 0 WHERE turn_id = ?", turnId);
  }

  /** Updates every total that the end of a turn changes. Must run in the caller's transaction. */
  *#book(turn: Row, outcome: TurnOutcome, { at, cliTotals, model, sinceParked }: TurnEnding): Work<void> {
    const before = bookedOf(turn);
    let booked = book(sinceParked ?? outcome.usage, outcome.model);
    // Of a turn that was parked without its gateway knowing, all usage is recorded.
    if (before !== undefined) booked = sinceParked === undefined ? before : join(before, booked);
    const ms = toMs(at);
    const seq = integer(turn, "seq");
    yield* this.sql.send(
      `UPDATE turns SET ${USED}, "end" = ?, ended_at = ?, answered_by = ?, duration_ms = ?, queued_ms = ?, exit_code = ?,
         first_token_ms = ?, process = ?, audit = ?, parked = NULL
       WHERE seq = ?`,
      ...columnsOf(booked),
      outcome.end,
      ms,
      booked.mainModel,
      Math.round(outcome.durationMs),
      Math.round(outcome.queuedMs),
      outcome.exitCode,
      outcome.firstTokenMs === undefined ? null : Math.round(outcome.firstTokenMs),
      outcome.process ?? null,
      lineRestOf(outcome),
      seq,
    );
    yield* this.sql.send(
      "INSERT INTO turn_responses (turn_seq, json) VALUES (?, ?)",
      seq,
      JSON.stringify(outcome.response),
    );
    const sessionSeq = integer(turn, "session_seq");
    const rest = before === undefined ? booked : restOf(booked, before);
    const id = text(turn, "id");
    yield* this.quota.end(id, useOf(booked), ms);
    yield* this.#latePrices.learn(id, booked);
    if (model !== undefined) yield* changeModel(this.sql, sessionSeq, model);
    yield* this.totals.add(rest, { sessionSeq, keyId: text(turn, "key_id"), ms, cliTotals });
  }

  /** See LatePrices. */
  takePriced(turnId: string): readonly PricedTurn[] {
    return this.#latePrices.take(turnId);
  }
}

/** The usage of a turn that may have been parked. */
function wholeUsage(turn: Row, sinceParked: TurnUsage): TurnUsage {
  const before = bookedOf(turn);
  if (before === undefined) return sinceParked;
  const whole = join(before, book(sinceParked, text(turn, "model")));
  return toUsage(whole, whole.shares);
}

/** Throws a FencedError if a turn that was found is not of its session's epoch. */
function checkEpoch(turn: Row): void {
  if (turn["epoch"] !== turn["session_epoch"]) throw new FencedError(text(turn, "session_id"));
}

function hasEnded(turn: Row): boolean {
  return maybeText(turn, "end") !== undefined;
}
