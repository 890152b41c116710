import type {
  CostGrouping,
  CostPeriod,
  KeyCost,
  KeyTotals,
  ModelTotalsRow,
  Overview,
  SessionTotals,
} from "@claudeway/ports";
import { usdOf } from "./money.js";
import { type Grain, periodOf } from "./periods.js";
import type { Row } from "./rows.js";
import { instant, integer, text, totals } from "./rows.js";
import type { Booked, Share } from "./shares.js";
import type { Sql, SqlValue, Work } from "./sql.js";

const GRAINS: readonly Grain[] = ["all", "month", "week", "day"];

const PERIODS: Readonly<Record<CostGrouping, { readonly grain: Grain; readonly limit: number }>> = {
  daily: { grain: "day", limit: 30 },
  weekly: { grain: "week", limit: 26 },
  monthly: { grain: "month", limit: 24 },
};

const COUNTED = "requests, turns, input, output, cache_read, cache_write, cost_nano, estimated, unpriced";
const COLUMNS = COUNTED.split(", ");
const addedTo = (table: string) =>
  COLUMNS.map((column) => `${column} = ${table}.${column} + excluded.${column}`).join(", ");
const SUMS = COLUMNS.map((column) => `coalesce(sum(${column}), 0) AS ${column}`).join(", ");

const COST_SUMS = "sum(requests) AS requests, sum(cost_nano) AS cost_nano, sum(unpriced) AS unpriced";

/** One row for each grain; `true` separates the SELECT from ON CONFLICT. Types cannot be inferred in a subquery. */
const ADD_TO_PERIODS = `
INSERT INTO totals (grain, period, key_id, model, ${COUNTED}, last_at)
SELECT periods.*, counted.* FROM (VALUES ${GRAINS.map((grain) => `('${grain}', ?)`).join(", ")}) AS periods,
  (SELECT ?, ?, ${[...COLUMNS, "last_at"].map(() => "CAST(? AS BIGINT)").join(", ")}) AS counted WHERE true
ON CONFLICT (grain, period, key_id, model) DO UPDATE SET ${addedTo("totals")},
  last_at = max(totals.last_at, excluded.last_at)`;

const ADD_TO_SESSION_MODEL = `
INSERT INTO session_models (session_seq, model, ${COUNTED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session_seq, model) DO UPDATE SET ${addedTo("session_models")}`;

const ADD_TO_SESSION = `
UPDATE sessions SET cli_totals = coalesce(?, cli_totals),
  input = input + ?, output = output + ?, cache_read = cache_read + ?, cache_write = cache_write + ?,
  cost_nano = cost_nano + ?, estimated = estimated + ?, unpriced = unpriced + ?, last_used = max(last_used, ?)
WHERE seq = ?`;

export interface BookedTo {
  readonly sessionSeq: number;
  readonly keyId: string;
  /** When the turn ended, in ms since 1970. */
  readonly ms: number;
  /** What the CLI goes on from in the session; undefined: as before. */
  readonly cliTotals: SessionTotals | undefined;
}

/** The totals: when a turn ends, it is added to its session and to its day, week, month and all time. */
export class TotalsTable {
  constructor(private readonly sql: Sql) {}

  /**
   * `ahead`: usage of a parked turn, which is counted as a turn when it ends. Must run in the caller's transaction, at its
   * end.
   */
  *add(
    booked: Booked,
    { sessionSeq, keyId, ms, cliTotals }: BookedTo,
    ahead: "ahead" | "turn" = "turn",
  ): Work<void> {
    const count = ahead === "ahead" ? amountsOf : countsOf;
    const [, , ...whole] = count({ ...booked, model: booked.mainModel }, booked);
    const kept = cliTotals === undefined ? null : JSON.stringify(cliTotals);
    yield* this.sql.send(ADD_TO_SESSION, kept, ...whole, ms, sessionSeq);
    const periods = GRAINS.map((grain) => periodOf(grain, ms));
    for (const share of booked.shares)
      yield* this.sql.send(ADD_TO_SESSION_MODEL, sessionSeq, share.model, ...count(share, booked));
    // Every turn of a key changes these rows: last, and in one order for all.
    for (const share of inOrder(booked.shares))
      yield* this.sql.send(ADD_TO_PERIODS, ...periods, keyId, share.model, ...count(share, booked), ms);
  }

  *overview(): Work<Overview> {
    const all = yield* this.sql.one(`SELECT ${SUMS} FROM totals WHERE grain = 'all'`);
    if (all === undefined) throw new TypeError("ledger: a sum returned no row");
    const byModel = yield* this.sql.all(
      `SELECT model, ${SUMS} FROM totals WHERE grain = 'all' GROUP BY model ORDER BY sum(cost_nano) DESC, model`,
    );
    return { requests: integer(all, "requests"), ...totals(all), byModel: byModel.map(modelTotals) };
  }

  *byKey(): Work<KeyTotals[]> {
    const rows = yield* this.sql.all(
      `SELECT key_id, ${SUMS}, max(last_at) AS last_at FROM totals WHERE grain = 'all' GROUP BY key_id ORDER BY key_id`,
    );
    return rows.map(keyTotals);
  }

  *costs(groupBy: CostGrouping, limit = PERIODS[groupBy].limit): Work<CostPeriod[]> {
    const { grain } = PERIODS[groupBy];
    const since = (yield* this.#latest(grain, limit)).at(-1);
    if (since === undefined) return [];
    const byModel = byPeriod(yield* this.#sums(grain, since, "period, model", SUMS));
    const byKey = byPeriod(yield* this.#sums(grain, since, "period, key_id", COST_SUMS));
    const sums = yield* this.#sums(grain, since, "period", SUMS);
    return sums.map((row) => {
      const period = text(row, "period");
      return {
        period,
        requests: integer(row, "requests"),
        ...totals(row),
        byModel: (byModel.get(period) ?? []).sort(dearerFirst).map(modelTotals),
        byKey: (byKey.get(period) ?? []).sort(dearerFirst).map(keyCost),
      };
    });
  }

  /** The latest periods with turns, latest first. */
  *#latest(grain: Grain, limit: number): Work<string[]> {
    const rows = yield* this.sql.all(
      "SELECT DISTINCT period FROM totals WHERE grain = ? ORDER BY period DESC LIMIT ?",
      grain,
      limit,
    );
    return rows.map((row) => text(row, "period"));
  }

  /** Totals since a period, oldest first. Uses the order of the primary key, so that nothing is sorted. */
  *#sums(grain: Grain, since: string, groups: string, sums: string): Work<readonly Row[]> {
    return yield* this.sql.all(
      `SELECT ${groups}, ${sums} FROM totals WHERE grain = ? AND period >= ? GROUP BY ${groups} ORDER BY ${groups}`,
      grain,
      since,
    );
  }
}

export function modelTotals(row: Row): ModelTotalsRow {
  return {
    model: text(row, "model"),
    requests: integer(row, "requests"),
    turns: integer(row, "turns"),
    ...totals(row),
  };
}

function keyTotals(row: Row): KeyTotals {
  return {
    keyId: text(row, "key_id"),
    requests: integer(row, "requests"),
    ...totals(row),
    lastUsed: instant(row, "last_at"),
  };
}

function keyCost(row: Row): KeyCost {
  return {
    keyId: text(row, "key_id"),
    requests: integer(row, "requests"),
    costUsd: usdOf(integer(row, "cost_nano")),
    unpriced: integer(row, "unpriced"),
  };
}

function dearerFirst(a: Row, b: Row): number {
  return integer(b, "cost_nano") - integer(a, "cost_nano");
}

function byPeriod(rows: readonly Row[]): Map<string, Row[]> {
  const periods = new Map<string, Row[]>();
  for (const row of rows) {
    const period = text(row, "period");
    const known = periods.get(period);
    if (known === undefined) periods.set(period, [row]);
    else known.push(row);
  }
  return periods;
}

/** By model. */
export function inOrder(shares: readonly Share[]): readonly Share[] {
  return shares.length === 1 ? shares : [...shares].sort((a, b) => (a.model < b.model ? -1 : 1));
}

/** The values of COUNTED for one model's share; the turn itself is counted only with its main model. */
function countsOf({ model, tokens, costNano }: Omit<Share, "priced">, booked: Booked): SqlValue[] {
  const main = model === booked.mainModel ? 1 : 0;
  return [
    main,
    1,
    tokens.input,
    tokens.output,
    tokens.cache_read,
    tokens.cache_write,
    costNano,
    booked.estimated ? main : 0,
    booked.unpriced ? main : 0,
  ];
}

/** The same without counting the turn: tokens and money only. */
function amountsOf({ tokens, costNano }: Omit<Share, "priced">): SqlValue[] {
  return [0, 0, tokens.input, tokens.output, tokens.cache_read, tokens.cache_write, costNano, 0, 0];
}
