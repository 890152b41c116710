import type { TurnQuery, TurnSearchPage } from "@claudeway/ports";
import { nanoOf } from "./money.js";
import { integer, maybeText, toMs } from "./rows.js";
import type { Sql, SqlValue, Work } from "./sql.js";
import { toTurn } from "./turn-row.js";

/** How many turns one statement examines, and one search altogether. Another search continues where it stopped. */
const STEP = 10_000;
const MAX_EXAMINED = 100_000;
/** Of a search in answers, which are long. */
const TEXT_STEP = 1000;
const MAX_TEXTS = 20_000;
const MAX_LIMIT = 1000;
/** Turns are recorded nearly in the order of their times. */
export const SLACK_MS = 60_000;

interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/**
 * Searches turns from the latest backwards, a bounded number at a time: no index is needed, whatever the conditions are,
 * and a search takes no longer in a ledger that is a thousand times as large.
 */
export function* searchTurns(sql: Sql, query: TurnQuery): Work<TurnSearchPage> {
  const { limit, text } = query;
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new RangeError(`limit must be an integer from 1 to ${MAX_LIMIT}, got ${limit}`);
  }
  const [step, most] = text === undefined ? [STEP, MAX_EXAMINED] : [TEXT_STEP, MAX_TEXTS];
  const begin = yield* firstSeq(sql, query);
  const last = query.since === undefined ? 1 : yield* seqAfter(sql, toMs(query.since) - SLACK_MS);
  const conditions = conditionsOf(query);
  const select = `SELECT t.*, s.id AS session_id, s.kind${text === undefined ? "" : ", r.json AS response"}
     FROM turns t JOIN sessions s ON s.seq = t.session_seq
     ${text === undefined ? "" : "JOIN turn_responses r ON r.turn_seq = t.seq"}
     WHERE t.seq < ? AND t.seq >= ?${conditions.map((one) => ` AND ${one.sql}`).join("")}
     ORDER BY t.seq DESC LIMIT ?`;
  const turns: TurnSearchPage["turns"][number][] = [];
  let upper = begin;
  for (let examined = 0; upper > last && examined < most; examined += step) {
    const lower = Math.max(last, upper - step);
    const rows = yield* sql.all(
      select,
      upper,
      lower,
      ...conditions.flatMap(({ values }) => values),
      // A match in the JSON need not be one in the answer's text.
      text === undefined ? limit - turns.length : step,
    );
    for (const row of rows) {
      if (text !== undefined && !saysSo(maybeText(row, "response"), text)) continue;
      turns.push(toTurn(row));
      if (turns.length === limit) return { turns, before: cursor(integer(row, "seq"), last) };
    }
    upper = lower;
  }
  return { turns, before: cursor(upper, last) };
}

function cursor(seq: number, last: number): number | undefined {
  return seq > last ? seq : undefined;
}

/** The number after the latest turn that may match. */
function* firstSeq(sql: Sql, { before, until }: TurnQuery): Work<number> {
  const latest = yield* sql.one("SELECT coalesce(max(seq), 0) AS seq FROM turns");
  const end = (latest === undefined ? 0 : integer(latest, "seq")) + 1;
  const bounds = [end];
  if (before !== undefined) bounds.push(before);
  if (until !== undefined) bounds.push(yield* seqAfter(sql, toMs(until) + SLACK_MS));
  return Math.min(...bounds);
}

/** The number of the first turn that was begun later, found by bisection; one past the last if no turn was. */
export function* seqAfter(sql: Sql, ms: number, least = 1): Work<number> {
  const range = yield* sql.one("SELECT coalesce(max(seq), 0) AS high FROM turns");
  let low = least;
  let high = (range === undefined ? 0 : integer(range, "high")) + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const turn = yield* sql.one("SELECT created_at FROM turns WHERE seq >= ? ORDER BY seq LIMIT 1", middle);
    if (turn === undefined || integer(turn, "created_at") > ms) high = middle;
    else low = middle + 1;
  }
  return low;
}

function conditionsOf(query: TurnQuery): Condition[] {
  const { keyId, model, kind, end, minCostUsd, minDurationMs, since, until, metadata = {}, text } = query;
  const found: Condition[] = [];
  const add = (sql: string, ...values: SqlValue[]) => found.push({ sql, values });
  if (keyId !== undefined) add("t.key_id = ?", keyId);
  if (model !== undefined) add("coalesce(t.answered_by, t.model) = ?", model);
  if (kind === "task") add("s.kind = 'task'");
  if (kind === "session") add("s.kind <> 'task'");
  if (end === "open") add("t.end IS NULL");
  else if (end !== undefined) add("t.end = ?", end);
  if (minCostUsd !== undefined) add("t.cost_nano >= ?", nanoOf(minCostUsd));
  if (minDurationMs !== undefined) add("t.duration_ms >= ?", Math.round(minDurationMs));
  if (since !== undefined) add("t.created_at >= ?", toMs(since));
  if (until !== undefined) add("t.created_at < ?", toMs(until));
  for (const [name, value] of Object.entries(metadata)) {
    const pair = JSON.stringify({ [name]: value }).slice(1, -1);
    add("t.metadata LIKE ? ESCAPE '!'", containing(pair));
  }
  if (text !== undefined)
    add("lower(r.json) LIKE ? ESCAPE '!'", containing(JSON.stringify(text).slice(1, -1).toLowerCase()));
  return found;
}

function containing(text: string): string {
  return `%${text.replaceAll(/[!%_]/g, "!$&")}%`;
}

function saysSo(json: string | undefined, text: string): boolean {
  if (json === undefined) return false;
  // Written by `end`.
  const { result, error }: { readonly result: string; readonly error: string | null } = JSON.parse(json);
  const needle = text.toLowerCase();
  return result.toLowerCase().includes(needle) || (error ?? "").toLowerCase().includes(needle);
}
