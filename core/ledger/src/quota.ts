import type { QuotaClaim, QuotaCounter, QuotaResult, QuotaState } from "@claudeway/ports";
import { MayHave } from "./may-have.js";
import { nanoOf, usdOf } from "./money.js";
import { endOf, periodOf } from "./periods.js";
import { integer, type Row, text } from "./rows.js";
import type { Booked } from "./shares.js";
import type { Sql, Work } from "./sql.js";

const COUNTER = `plugin = ? AND name = ? AND subject = ? AND "window" = ? AND measure = ?`;

const AMOUNTS = `SELECT
  coalesce((SELECT used FROM quota_counters WHERE ${COUNTER} AND period = ?), 0) AS used,
  coalesce((SELECT sum(amount) FROM quota_reservations WHERE ${COUNTER}), 0) AS reserved`;

/** A counter, and how much room it has. */
interface Room {
  readonly claim: QuotaClaim;
  /** In the stored unit. */
  readonly used: number;
  readonly reserved: number;
  readonly room: number;
}

/** What a turn has used so far, in the units of the measures. */
export interface TurnUse {
  readonly costNano: number;
  readonly tokens: number;
  /** True if the price of a part is unknown. */
  readonly unpriced: boolean;
}

export function useOf({ costNano, unpriced, tokens }: Booked): TurnUse {
  return { costNano, unpriced, tokens: tokens.input + tokens.output + tokens.cache_write };
}

/** The counters of plugins, and what turns have reserved of them. Costs are stored in nanodollars. */
export class QuotaTable {
  /** Turns without reservations are spared the queries. */
  readonly #reservations: MayHave;
  /** Turns that ended without a price. */
  readonly #unpriced: MayHave;

  constructor(private readonly sql: Sql) {
    this.#reservations = new MayHave(sql, "SELECT 1 FROM quota_reservations LIMIT 1");
    this.#unpriced = new MayHave(
      sql,
      "SELECT 1 FROM quota_reservations WHERE unpriced_period IS NOT NULL LIMIT 1",
    );
  }

  claim(plugin: string, turnId: string | undefined, claims: readonly QuotaClaim[]): Work<QuotaResult> {
    return this.sql.transaction(this.#claim(plugin, turnId, claims));
  }

  *#claim(plugin: string, turnId: string | undefined, claims: readonly QuotaClaim[]): Work<QuotaResult> {
    if (turnId !== undefined && !(yield* this.#isOpen(turnId))) return { ok: false, reason: "ended" };
    yield* this.sql.lock(claims.map((claim) => lockOf(plugin, claim)));
    const now = yield* this.sql.now();
    const rooms: Room[] = [];
    for (const claim of claims) rooms.push(yield* this.#roomOf(plugin, claim, now));
    const full = rooms.filter((room) => !fits(room));
    if (full.length > 0)
      return { ok: false, reason: "full", full: full.map((room) => stateOf(room.claim, room, now)) };
    const cost = Math.min(...rooms.filter(({ claim }) => claim.measure === "cost").map(grantOf));
    for (const room of rooms.sort((a, b) => inOrder(keyOf(plugin, a.claim), keyOf(plugin, b.claim)))) {
      if (room.claim.measure === "count")
        yield* this.#use(plugin, room.claim, now, stored(room.claim, room.claim.amount));
      else if (turnId !== undefined)
        yield* this.#reserve(
          plugin,
          turnId,
          room.claim,
          room.claim.measure === "cost" ? cost : grantOf(room),
        );
    }
    return { ok: true, costUsd: Number.isFinite(cost) ? usdOf(cost) : undefined };
  }

  settle(plugin: string, turnId: string, counter: QuotaCounter, actual: number): Work<boolean> {
    return this.sql.transaction(this.#settle(plugin, turnId, counter, actual));
  }

  *#settle(plugin: string, turnId: string, counter: QuotaCounter, actual: number): Work<boolean> {
    const removed = yield* this.sql.run(
      `DELETE FROM quota_reservations WHERE turn_id = ? AND unpriced_period IS NULL AND ${COUNTER}`,
      turnId,
      ...keyOf(plugin, counter),
    );
    if (removed > 0) yield* this.#use(plugin, counter, yield* this.sql.now(), stored(counter, actual));
    return removed > 0;
  }

  *read(plugin: string, counters: readonly QuotaCounter[]): Work<QuotaState[]> {
    const now = yield* this.sql.now();
    const states: QuotaState[] = [];
    for (const counter of counters)
      states.push(stateOf(counter, yield* this.#amounts(plugin, counter, now), now));
    return states;
  }

  *reservedUsd(turnId: string): Work<number | undefined> {
    const amounts = (yield* this.#costsOf(turnId)).map((row) => integer(row, "amount"));
    return amounts.length === 0 ? undefined : usdOf(Math.min(...amounts));
  }

  extend(turnId: string): Work<number | undefined> {
    return this.sql.transaction(this.#extend(turnId));
  }

  *#extend(turnId: string): Work<number | undefined> {
    const rows = yield* this.#costsOf(turnId);
    yield* this.sql.lock(rows.map((row) => lockOf(text(row, "plugin"), counterOf(row))));
    const now = yield* this.sql.now();
    const rooms: number[] = [];
    for (const row of rows) {
      const { used, reserved } = yield* this.#amounts(text(row, "plugin"), counterOf(row), now);
      rooms.push(Math.min(integer(row, "step"), integer(row, "max") - used - reserved));
    }
    const grant = Math.min(...rooms);
    if (rows.length === 0 || grant <= 0) return undefined;
    yield* this.sql.run(
      "UPDATE quota_reservations SET amount = amount + ? WHERE turn_id = ? AND measure = 'cost'",
      grant,
      turnId,
    );
    return yield* this.reservedUsd(turnId);
  }

  /** Records what a turn used when it parks, and keeps nothing reserved for it. Must run in the caller's transaction. */
  *park(turnId: string, use: TurnUse, ms: number): Work<void> {
    if (!(yield* this.#reservations.any())) return;
    for (const row of yield* this.#of(turnId)) yield* this.#charge(row, use, ms);
    yield* this.sql.send("UPDATE quota_reservations SET amount = 0 WHERE turn_id = ?", turnId);
  }

  /** Holds again what a parked turn held. Its cost is reserved as it comes. */
  *unpark(turnId: string): Work<void> {
    if (!(yield* this.#reservations.any())) return;
    yield* this.sql.send(
      "UPDATE quota_reservations SET amount = step WHERE turn_id = ? AND measure = 'held'",
      turnId,
    );
  }

  /** Replaces what a turn reserved by what it used. Must run in the transaction that records its end. */
  *end(turnId: string, use: TurnUse, ms: number): Work<void> {
    if (!(yield* this.#reservations.any())) return;
    const rows = yield* this.#of(turnId);
    for (const row of rows) yield* this.#charge(row, use, ms);
    if (rows.length === 0) return;
    const kept = use.unpriced ? " AND measure <> 'cost'" : "";
    yield* this.sql.send(`DELETE FROM quota_reservations WHERE turn_id = ?${kept}`, turnId);
    if (!use.unpriced) return;
    this.#unpriced.expect();
    for (const row of rows)
      yield* this.sql.send(
        `UPDATE quota_reservations SET amount = 0, unpriced_period = ? WHERE turn_id = ? AND "window" = ?`,
        periodOf(counterOf(row).window, ms),
        turnId,
        text(row, "window"),
      );
  }

  /** Turns that were counted with what they reserved, because the price of what they used was unknown. */
  *unpriced(): Work<string[]> {
    if (!(yield* this.#unpriced.any())) return [];
    const rows = yield* this.sql.all(
      "SELECT DISTINCT turn_id FROM quota_reservations WHERE unpriced_period IS NOT NULL ORDER BY turn_id",
    );
    return rows.map((row) => text(row, "turn_id"));
  }

  /** Corrects the counters of an ended turn, in the windows in which it was counted, now that its cost is known. */
  *correct(turnId: string, costNano: number): Work<void> {
    // Whoever deletes them corrects the counters.
    const rows = yield* this.sql.all(
      "DELETE FROM quota_reservations WHERE turn_id = ? AND unpriced_period IS NOT NULL RETURNING *",
      turnId,
    );
    for (const row of sorted(rows))
      yield* this.#add(
        text(row, "plugin"),
        counterOf(row),
        text(row, "unpriced_period"),
        costNano - integer(row, "charged"),
      );
  }

  /** Counts what the turn has used so far. A cost of unknown price counts as what was reserved for it. */
  *#charge(row: Row, use: TurnUse, ms: number): Work<void> {
    const charged = integer(row, "charged");
    const total = totalOf(row, charged, use);
    yield* this.#use(text(row, "plugin"), counterOf(row), ms, total - charged);
    yield* this.sql.send(
      `UPDATE quota_reservations SET charged = ? WHERE turn_id = ? AND ${COUNTER}`,
      total,
      text(row, "turn_id"),
      ...keyOf(text(row, "plugin"), counterOf(row)),
    );
  }

  *#reserve(plugin: string, turnId: string, claim: QuotaClaim, amount: number): Work<void> {
    this.#reservations.expect();
    yield* this.sql.send(
      `INSERT INTO quota_reservations (turn_id, plugin, name, subject, "window", measure, amount, step, max)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (turn_id, plugin, name, subject, "window", measure) DO UPDATE
       SET amount = quota_reservations.amount + excluded.amount, step = excluded.step, max = excluded.max`,
      turnId,
      ...keyOf(plugin, claim),
      amount,
      stored(claim, claim.amount),
      stored(claim, claim.limit),
    );
  }

  *#roomOf(plugin: string, claim: QuotaClaim, now: number): Work<Room> {
    const { used, reserved } = yield* this.#amounts(plugin, claim, now);
    return { claim, used, reserved, room: stored(claim, claim.limit) - used - reserved };
  }

  *#use(plugin: string, counter: QuotaCounter, ms: number, amount: number): Work<void> {
    if (counter.measure === "held" && amount === 0) return;
    const period = periodOf(counter.window, ms);
    // The counts of past minutes are of no use to anyone; those of days, weeks and months are a history.
    if (counter.window === "minute")
      yield* this.sql.send(
        `DELETE FROM quota_counters WHERE ${COUNTER} AND period < ?`,
        ...keyOf(plugin, counter),
        period,
      );
    yield* this.#add(plugin, counter, period, amount);
  }

  *#add(plugin: string, counter: QuotaCounter, period: string, amount: number): Work<void> {
    yield* this.sql.send(
      `INSERT INTO quota_counters (plugin, name, subject, "window", measure, period, used)
       VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (plugin, name, subject, "window", measure, period) DO UPDATE
       SET used = quota_counters.used + excluded.used`,
      ...keyOf(plugin, counter),
      period,
      amount,
    );
  }

  /** One statement: between two, the end of a turn could make of what it reserved what it used. */
  *#amounts(plugin: string, counter: QuotaCounter, now: number): Work<Pick<Room, "used" | "reserved">> {
    const key = keyOf(plugin, counter);
    const row = yield* this.sql.one(AMOUNTS, ...key, periodOf(counter.window, now), ...key);
    if (row === undefined) throw new TypeError("ledger: a sum returned no row");
    return { used: integer(row, "used"), reserved: integer(row, "reserved") };
  }

  /** It stays open until the end of the caller's transaction. */
  *#isOpen(turnId: string): Work<boolean> {
    const sql = `SELECT 1 FROM turns WHERE id = ? AND "end" IS NULL${this.sql.dialect.forUpdate}`;
    return (yield* this.sql.one(sql, turnId)) !== undefined;
  }

  *#of(turnId: string): Work<readonly Row[]> {
    return sorted(yield* this.sql.all("SELECT * FROM quota_reservations WHERE turn_id = ?", turnId));
  }

  *#costsOf(turnId: string): Work<Row[]> {
    if (!(yield* this.#reservations.any())) return [];
    return (yield* this.#of(turnId)).filter(
      (row) => row["measure"] === "cost" && row["unpriced_period"] === null,
    );
  }
}

function fits({ claim, room }: Room): boolean {
  const least = claim.measure === "cost" || claim.measure === "tokens" ? 0 : stored(claim, claim.amount);
  return room > 0 && room >= least;
}

/** In the stored unit. */
function grantOf({ claim, room }: Room): number {
  return Math.min(stored(claim, claim.amount), room);
}

function totalOf(row: Row, charged: number, { costNano, tokens, unpriced }: TurnUse): number {
  const { measure } = counterOf(row);
  if (measure === "tokens") return tokens;
  if (measure !== "cost") return charged;
  return unpriced ? Math.max(costNano, charged + integer(row, "amount")) : costNano;
}

function stateOf(
  { name, subject, window, measure }: QuotaCounter,
  { used, reserved }: Pick<Room, "used" | "reserved">,
  now: number,
): QuotaState {
  const shown = (amount: number) => (measure === "cost" ? usdOf(amount) : amount);
  const end = endOf(window, now);
  const resetsAt = end === undefined ? undefined : new Date(end).toISOString();
  return { name, subject, window, measure, used: shown(used), reserved: shown(reserved), resetsAt };
}

function stored({ measure }: QuotaCounter, amount: number): number {
  return measure === "cost" ? nanoOf(amount) : Math.round(amount);
}

/** The name under which a counter is locked while its room is divided. */
function lockOf(plugin: string, counter: QuotaCounter): string {
  return JSON.stringify(keyOf(plugin, counter));
}

/** In the order in which all work locks counters, whatever the database's collation: two turns could wait for each other. */
function sorted(rows: readonly Row[]): Row[] {
  const keyed = rows.map((row) => ({ row, key: keyOf(text(row, "plugin"), counterOf(row)) }));
  return keyed.sort((a, b) => inOrder(a.key, b.key)).map(({ row }) => row);
}

function inOrder(one: readonly string[], other: readonly string[]): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}

function keyOf(plugin: string, { name, subject, window, measure }: QuotaCounter): string[] {
  return [plugin, name, subject, window, measure];
}

const WINDOWS: readonly QuotaCounter["window"][] = ["minute", "day", "week", "month", "all"];
const MEASURES: readonly QuotaCounter["measure"][] = ["cost", "tokens", "count", "held"];

function counterOf(row: Row): QuotaCounter {
  const window = WINDOWS.find((one) => one === row["window"]);
  const measure = MEASURES.find((one) => one === row["measure"]);
  if (window === undefined || measure === undefined)
    throw new TypeError("ledger: a reservation must have a counter");
  return { name: text(row, "name"), subject: text(row, "subject"), window, measure };
}
