import {
  type ChildNote,
  LedgerError,
  type NewTurn,
  type PageQuery,
  type TurnEnding,
  type TurnLoss,
  type TurnOutcome,
  type TurnPage,
  type TurnParking,
  type TurnRecord,
  type TurnUsage,
} from "@claudeway/ports";
import type { TurnResponse } from "@claudeway/schemas";
import type { Database } from "./database.js";
import { MayHave } from "./may-have.js";
import { nanoOf } from "./money.js";
import { checkPage, offsetOf } from "./pages.js";
import type { PriceTable } from "./prices.js";
import { type QuotaTable, useOf } from "./quota.js";
import type { Row } from "./rows.js";
import { integer, maybeText, text, toMs } from "./rows.js";
import { changeModel } from "./sessions.js";
import { sharesToJson } from "./share-json.js";
import { type Booked, book, join, restOf, toUsage } from "./shares.js";
import type { TotalsTable } from "./totals.js";
import { bookedOf, toTurn, usageOf } from "./turn-row.js";

const SELECT = "SELECT t.*, s.id AS session_id, s.kind FROM turns t JOIN sessions s ON s.seq = t.session_seq";

const USED = `input = ?, output = ?, cache_read = ?, cache_write = ?, cost_nano = ?, estimated = ?, unpriced = ?,
  by_model = ?`;
const PROCESS = "pid = ?, start_time = ?, marker = ?";

export class TurnTable {
  /** Turns that are parked. */
  readonly #waiting: MayHave;

  constructor(
    private readonly database: Database,
    private readonly totals: TotalsTable,
    private readonly prices: PriceTable,
    /** Calls that the CLI keeps. */
    private readonly kept: MayHave,
    private readonly quota: QuotaTable,
  ) {
    this.#waiting = new MayHave(database, "SELECT 1 FROM turns WHERE parked IS NOT NULL LIMIT 1");
  }

  begin(turn: NewTurn): void {
    const at = toMs(turn.createdAt);
    this.database.transaction(() => {
      const found = this.database.run(
        "UPDATE sessions SET begun = begun + 1, last_used = max(last_used, ?) WHERE id = ?",
        at,
        turn.sessionId,
      );
      if (found === 0) throw new LedgerError(`ledger: unknown session ${turn.sessionId}`);
      this.database.run(
        `INSERT INTO turns (id, session_seq, key_id, route, model, prompt_bytes, prompt_sha256, created_at,
           origin, metadata)
         VALUES (?, (SELECT seq FROM sessions WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?)`,
        turn.id,
        turn.sessionId,
        turn.keyId,
        turn.route,
        turn.model,
        turn.prompt.bytes,
        Buffer.from(turn.prompt.sha256, "hex"),
        at,
        turn.origin ?? "prompt",
        turn.metadata === undefined ? null : JSON.stringify(turn.metadata),
      );
      for (const [name, value] of Object.entries(turn.metadata ?? {}))
        this.database.run(
          "INSERT OR IGNORE INTO session_metadata SELECT ?, ?, seq FROM sessions WHERE id = ?",
          name,
          value,
          turn.sessionId,
        );
    });
  }

  noteProcess(turnId: string, child: ChildNote): void {
    this.database.run(`UPDATE turns SET ${PROCESS} WHERE id = ?`, ...placeOf(child), turnId);
  }

  recordUsage(turnId: string, usage: TurnUsage, child?: ChildNote): void {
    const open = this.database.one("SELECT seq, model FROM turns WHERE id = ? AND end IS NULL", turnId);
    if (open === undefined) return;
    const used = columnsOf(book(usage, text(open, "model")));
    const seq = integer(open, "seq");
    if (child === undefined) this.database.run(`UPDATE turns SET ${USED} WHERE seq = ?`, ...used, seq);
    else
      this.database.run(
        `UPDATE turns SET ${USED}, ${PROCESS} WHERE seq = ?`,
        ...used,
        ...placeOf(child),
        seq,
      );
  }

  end(turnId: string, outcome: TurnOutcome, ending: TurnEnding): boolean {
    return this.database.transaction(() => {
      const turn = this.#find(turnId);
      if (turn === undefined) throw new LedgerError(`ledger: unknown turn ${turnId}`);
      if (hasEnded(turn)) return false;
      // A result confirms that the CLI received the decision on the call that it kept; otherwise that is unknown.
      if (outcome.exitCode === 0 && turn["parked"] === null) this.#heardOfAll(turnId);
      this.#book(turn, outcome, ending);
      if (ending.process !== undefined) this.noteProcess(turnId, ending.process);
      return true;
    });
  }

  markLost(turnId: string, { at, respond, totalsAfter }: TurnLoss): TurnRecord | undefined {
    return this.database.transaction(() => {
      const turn = this.get(turnId);
      if (turn === undefined) throw new LedgerError(`ledger: unknown turn ${turnId}`);
      if (turn.ended !== undefined) return undefined;
      const sinceParked = this.prices.price({ ...this.#usageSinceParked(turnId), estimated: true });
      const usage = this.#wholeUsage(turnId, sinceParked);
      const response = respond({ ...turn, usage });
      const durationMs = Math.max(0, toMs(at) - toMs(turn.createdAt));
      const model = turn.model;
      this.end(
        turnId,
        { end: "lost", response, usage, durationMs, queuedMs: 0, exitCode: null, model },
        { at, sinceParked, cliTotals: totalsAfter?.(sinceParked) },
      );
      return this.get(turnId);
    });
  }

  park(turnId: string, { at, cliTotals, parked, usage, model }: TurnParking): void {
    const { approvalId } = parked;
    this.#waiting.expect();
    if (approvalId !== undefined) this.kept.expect();
    this.database.transaction(() => {
      const turn = this.#find(turnId);
      if (turn === undefined || hasEnded(turn)) throw new LedgerError(`ledger: turn ${turnId} is not open`);
      const before = bookedOf(turn);
      const now = book(usage, model);
      const sessionSeq = integer(turn, "session_seq");
      this.totals.add(now, { sessionSeq, keyId: text(turn, "key_id"), ms: toMs(at) }, "ahead");
      const whole = before === undefined ? now : join(before, now);
      this.quota.park(turnId, useOf(whole), toMs(at));
      this.database.run(
        `UPDATE turns SET ${USED}, booked = ?, parked = ? WHERE id = ?`,
        ...NOTHING_USED,
        JSON.stringify(whole),
        JSON.stringify(parked),
        turnId,
      );
      this.#heardOfAll(turnId);
      if (approvalId !== undefined)
        this.database.run("UPDATE approvals SET parked = 1, owed = 1 WHERE id = ?", approvalId);
      this.#keepTotals(sessionSeq, cliTotals);
    });
  }

  unpark(turnId: string): void {
    this.database.transaction(() => {
      this.database.run("UPDATE turns SET parked = NULL WHERE id = ?", turnId);
      this.quota.unpark(turnId);
    });
  }

  parked(sessionId?: string): TurnRecord[] {
    if (!this.#waiting.any) return [];
    const ofSession = sessionId === undefined ? "" : " AND s.id = ?";
    const values = sessionId === undefined ? [] : [sessionId];
    return this.database
      .all(`${SELECT} WHERE t.parked IS NOT NULL${ofSession} ORDER BY t.seq`, ...values)
      .map(toTurn);
  }

  get(turnId: string): TurnRecord | undefined {
    const row = this.#find(turnId);
    return row === undefined ? undefined : toTurn(row);
  }

  response(turnId: string): TurnResponse | undefined {
    const row = this.database.one(
      "SELECT r.json FROM turn_responses r JOIN turns t ON t.seq = r.turn_seq WHERE t.id = ?",
      turnId,
    );
    if (row === undefined) return this.get(turnId)?.parked?.response;
    // Written by `end`.
    const response: TurnResponse = JSON.parse(text(row, "json"));
    return response;
  }

  listBySession(sessionId: string, query: PageQuery): TurnPage {
    const { page, limit } = checkPage(query);
    const session = this.database.one("SELECT seq, begun FROM sessions WHERE id = ?", sessionId);
    if (session === undefined) return { turns: [], total: 0, page, limit };
    const rows = this.database.all(
      `${SELECT} WHERE t.session_seq = ? ORDER BY t.seq DESC LIMIT ? OFFSET ?`,
      integer(session, "seq"),
      limit,
      offsetOf(query),
    );
    return { turns: rows.map(toTurn), total: integer(session, "begun"), page, limit };
  }

  running(): TurnRecord[] {
    return this.database.all(`${SELECT} WHERE t.end IS NULL AND t.parked IS NULL ORDER BY t.seq`).map(toTurn);
  }

  endedLast(withinMs: number): TurnRecord[] {
    const since = "(SELECT max(ended_at) FROM turns) - ?";
    return this.database
      .all(`${SELECT} WHERE t.ended_at >= ${since} ORDER BY t.ended_at`, withinMs)
      .map(toTurn);
  }

  #find(turnId: string): Row | undefined {
    return this.database.one(`${SELECT} WHERE t.id = ?`, turnId);
  }

  /** Records that the CLI no longer keeps a call of this turn. */
  #heardOfAll(turnId: string): void {
    if (this.kept.any) this.database.run("UPDATE approvals SET owed = 0 WHERE turn_id = ?", turnId);
  }

  /** Updates every total that the end of a turn changes. Must run in the caller's transaction. */
  #book(turn: Row, outcome: TurnOutcome, { at, cliTotals, model, sinceParked }: TurnEnding): void {
    const before = bookedOf(turn);
    const now = book(sinceParked ?? outcome.usage, outcome.model);
    const booked = before === undefined ? now : join(before, now);
    const ms = toMs(at);
    const seq = integer(turn, "seq");
    this.database.run(
      `UPDATE turns SET ${USED}, end = ?, ended_at = ?, answered_by = ?, duration_ms = ?, queued_ms = ?, exit_code = ?,
         parked = NULL
       WHERE seq = ?`,
      ...columnsOf(booked),
      outcome.end,
      ms,
      booked.mainModel,
      Math.round(outcome.durationMs),
      Math.round(outcome.queuedMs),
      outcome.exitCode,
      seq,
    );
    this.database.run(
      "INSERT INTO turn_responses (turn_seq, json) VALUES (?, ?)",
      seq,
      JSON.stringify(outcome.response),
    );
    const sessionSeq = integer(turn, "session_seq");
    const rest = before === undefined ? booked : restOf(booked, before);
    this.totals.add(rest, { sessionSeq, keyId: text(turn, "key_id"), ms });
    this.#keepTotals(sessionSeq, cliTotals);
    if (model !== undefined) changeModel(this.database, sessionSeq, model);
    const isNewPrice = this.prices.learn(booked);
    this.quota.end(text(turn, "id"), useOf(booked), ms);
    if (isNewPrice) this.#correctQuota();
  }

  /** Corrects the counters of turns whose price has become known. */
  #correctQuota(): void {
    for (const turnId of this.quota.unpriced()) {
      const turn = this.get(turnId);
      const costUsd = turn && this.prices.price(turn.usage).costUsd;
      if (typeof costUsd === "number") this.quota.correct(turnId, nanoOf(costUsd));
    }
  }

  #keepTotals(sessionSeq: number, cliTotals: TurnEnding["cliTotals"]): void {
    if (cliTotals === undefined) return;
    const json = JSON.stringify(cliTotals);
    this.database.run("UPDATE sessions SET cli_totals = ? WHERE seq = ?", json, sessionSeq);
  }

  #usageSinceParked(turnId: string): TurnUsage {
    const row = this.#find(turnId);
    if (row === undefined) throw new LedgerError(`ledger: unknown turn ${turnId}`);
    return usageOf(row);
  }

  #wholeUsage(turnId: string, sinceParked: TurnUsage): TurnUsage {
    const row = this.#find(turnId);
    const before = row === undefined ? undefined : bookedOf(row);
    if (row === undefined || before === undefined) return sinceParked;
    const whole = join(before, book(sinceParked, text(row, "model")));
    return toUsage(whole, whole.shares);
  }
}

/** The values of USED for a turn without usage. */
const NOTHING_USED = [0, 0, 0, 0, 0, 0, 0, null] as const;

/** The values of PROCESS. */
function placeOf({ pid, startTime, marker }: ChildNote): [number, number, string] {
  return [pid, startTime, marker];
}

function hasEnded(turn: Row): boolean {
  return maybeText(turn, "end") !== undefined;
}

function columnsOf(booked: Booked): [number, number, number, number, number, number, number, string] {
  const { tokens, costNano, estimated, unpriced } = booked;
  return [
    tokens.input,
    tokens.output,
    tokens.cache_read,
    tokens.cache_write,
    costNano,
    estimated ? 1 : 0,
    unpriced ? 1 : 0,
    sharesToJson(booked),
  ];
}
