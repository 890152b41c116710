import type { QuotaClaim, QuotaCounter, QuotaResult, QuotaState } from "@claudeway/ports";
import type { Database } from "./database.js";
import { MayHave } from "./may-have.js";
import { nanoOf, usdOf } from "./money.js";
import { endOf, periodOf } from "./periods.js";
import { integer, maybeText, type Row, text } from "./rows.js";
import type { Booked } from "./shares.js";

const COUNTER = "plugin = ? AND name = ? AND subject = ? AND window = ? AND measure = ?";

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

  constructor(private readonly database: Database) {
    this.#reservations = new MayHave(database, "SELECT 1 FROM quota_reservations LIMIT 1");
    this.#unpriced = new MayHave(
      database,
      "SELECT 1 FROM quota_reservations WHERE unpriced_period IS NOT NULL LIMIT 1",
    );
  }

  claim(plugin: string, turnId: string | undefined, claims: readonly QuotaClaim[]): QuotaResult {
    return this.database.transaction(() => {
      if (turnId !== undefined && !this.#isOpen(turnId)) return { ok: false, reason: "ended" };
      const now = Date.now();
      const rooms = claims.map((claim) => this.#roomOf(plugin, claim, now));
      const full = rooms.filter((room) => !fits(room));
      if (full.length > 0)
        return { ok: false, reason: "full", full: full.map((room) => stateOf(room.claim, room, now)) };
      const cost = Math.min(...rooms.filter(({ claim }) => claim.measure === "cost").map(grantOf));
      for (const room of rooms) {
        if (room.claim.measure === "count")
          this.#use(plugin, room.claim, now, stored(room.claim, room.claim.amount));
        else if (turnId !== undefined)
          this.#reserve(plugin, turnId, room.claim, room.claim.measure === "cost" ? cost : grantOf(room));
      }
      return { ok: true, costUsd: Number.isFinite(cost) ? usdOf(cost) : undefined };
    });
  }

  settle(plugin: string, turnId: string, counter: QuotaCounter, actual: number): boolean {
    return this.database.transaction(() => {
      const removed = this.database.run(
        `DELETE FROM quota_reservations WHERE turn_id = ? AND unpriced_period IS NULL AND ${COUNTER}`,
        turnId,
        ...keyOf(plugin, counter),
      );
      if (removed > 0) this.#use(plugin, counter, Date.now(), stored(counter, actual));
      return removed > 0;
    });
  }

  read(plugin: string, counters: readonly QuotaCounter[]): QuotaState[] {
    const now = Date.now();
    return counters.map((counter) =>
      stateOf(
        counter,
        { used: this.#used(plugin, counter, now), reserved: this.#reserved(plugin, counter) },
        now,
      ),
    );
  }

  reservedUsd(turnId: string): number | undefined {
    const amounts = this.#costsOf(turnId).map((row) => integer(row, "amount"));
    return amounts.length === 0 ? undefined : usdOf(Math.min(...amounts));
  }

  extend(turnId: string): number | undefined {
    return this.database.transaction(() => {
      const now = Date.now();
      const rows = this.#costsOf(turnId);
      const rooms = rows.map((row) => {
        const counter = counterOf(row);
        const plugin = text(row, "plugin");
        const left = integer(row, "max") - this.#used(plugin, counter, now) - this.#reserved(plugin, counter);
        return Math.min(integer(row, "step"), left);
      });
      const grant = Math.min(...rooms);
      if (rows.length === 0 || grant <= 0) return undefined;
      this.database.run(
        "UPDATE quota_reservations SET amount = amount + ? WHERE turn_id = ? AND measure = 'cost'",
        grant,
        turnId,
      );
      return this.reservedUsd(turnId);
    });
  }

  /** Records what a turn used when it parks, and keeps nothing reserved for it. Must run in the caller's transaction. */
  park(turnId: string, use: TurnUse, ms: number): void {
    if (!this.#reservations.any) return;
    for (const row of this.#of(turnId)) this.#charge(row, use, ms);
    this.database.run("UPDATE quota_reservations SET amount = 0 WHERE turn_id = ?", turnId);
  }

  /** Holds again what a parked turn held. Its cost is reserved as it comes. */
  unpark(turnId: string): void {
    if (!this.#reservations.any) return;
    this.database.run(
      "UPDATE quota_reservations SET amount = step WHERE turn_id = ? AND measure = 'held'",
      turnId,
    );
  }

  /** Replaces what a turn reserved by what it used. Must run in the transaction that records its end. */
  end(turnId: string, use: TurnUse, ms: number): void {
    if (!this.#reservations.any) return;
    const rows = this.#of(turnId);
    for (const row of rows) this.#charge(row, use, ms);
    if (rows.length === 0) return;
    const kept = use.unpriced ? " AND measure <> 'cost'" : "";
    this.database.run(`DELETE FROM quota_reservations WHERE turn_id = ?${kept}`, turnId);
    if (!use.unpriced) return;
    this.#unpriced.expect();
    for (const row of rows)
      this.database.run(
        "UPDATE quota_reservations SET amount = 0, unpriced_period = ? WHERE turn_id = ? AND window = ?",
        periodOf(counterOf(row).window, ms),
        turnId,
        text(row, "window"),
      );
  }

  /** Turns that were counted with what they reserved, because the price of what they used was unknown. */
  unpriced(): string[] {
    if (!this.#unpriced.any) return [];
    return this.database
      .all("SELECT DISTINCT turn_id FROM quota_reservations WHERE unpriced_period IS NOT NULL")
      .map((row) => text(row, "turn_id"));
  }

  /** Corrects the counters of an ended turn, in the windows in which it was counted, now that its cost is known. */
  correct(turnId: string, costNano: number): void {
    for (const row of this.#of(turnId)) {
      const period = maybeText(row, "unpriced_period");
      if (period === undefined) continue;
      this.#add(text(row, "plugin"), counterOf(row), period, costNano - integer(row, "charged"));
    }
    this.database.run("DELETE FROM quota_reservations WHERE turn_id = ?", turnId);
  }

  /** Counts what the turn has used so far. A cost of unknown price counts as what was reserved for it. */
  #charge(row: Row, use: TurnUse, ms: number): void {
    const charged = integer(row, "charged");
    const total = totalOf(row, charged, use);
    this.#use(text(row, "plugin"), counterOf(row), ms, total - charged);
    this.database.run(
      `UPDATE quota_reservations SET charged = ? WHERE turn_id = ? AND ${COUNTER}`,
      total,
      text(row, "turn_id"),
      ...keyOf(text(row, "plugin"), counterOf(row)),
    );
  }

  #reserve(plugin: string, turnId: string, claim: QuotaClaim, amount: number): void {
    this.#reservations.expect();
    this.database.run(
      `INSERT INTO quota_reservations (turn_id, plugin, name, subject, window, measure, amount, step, max)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET amount = amount + excluded.amount, step = excluded.step, max = excluded.max`,
      turnId,
      ...keyOf(plugin, claim),
      amount,
      stored(claim, claim.amount),
      stored(claim, claim.limit),
    );
  }

  #roomOf(plugin: string, claim: QuotaClaim, now: number): Room {
    const used = this.#used(plugin, claim, now);
    const reserved = this.#reserved(plugin, claim);
    return { claim, used, reserved, room: stored(claim, claim.limit) - used - reserved };
  }

  #use(plugin: string, counter: QuotaCounter, ms: number, amount: number): void {
    if (counter.measure === "held" && amount === 0) return;
    const period = periodOf(counter.window, ms);
    // The counts of past minutes are of no use to anyone; those of days, weeks and months are a history.
    if (counter.window === "minute")
      this.database.run(
        `DELETE FROM quota_counters WHERE ${COUNTER} AND period < ?`,
        ...keyOf(plugin, counter),
        period,
      );
    this.#add(plugin, counter, period, amount);
  }

  #add(plugin: string, counter: QuotaCounter, period: string, amount: number): void {
    this.database.run(
      `INSERT INTO quota_counters (plugin, name, subject, window, measure, period, used) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET used = used + excluded.used`,
      ...keyOf(plugin, counter),
      period,
      amount,
    );
  }

  #used(plugin: string, counter: QuotaCounter, now: number): number {
    const row = this.database.one(
      `SELECT used FROM quota_counters WHERE ${COUNTER} AND period = ?`,
      ...keyOf(plugin, counter),
      periodOf(counter.window, now),
    );
    return row === undefined ? 0 : integer(row, "used");
  }

  #reserved(plugin: string, counter: QuotaCounter): number {
    if (!this.#reservations.any) return 0;
    const row = this.database.one(
      `SELECT coalesce(sum(amount), 0) AS amount FROM quota_reservations WHERE ${COUNTER}`,
      ...keyOf(plugin, counter),
    );
    return row === undefined ? 0 : integer(row, "amount");
  }

  #isOpen(turnId: string): boolean {
    return this.database.one("SELECT 1 FROM turns WHERE id = ? AND end IS NULL", turnId) !== undefined;
  }

  #of(turnId: string): Row[] {
    return this.database.all("SELECT * FROM quota_reservations WHERE turn_id = ?", turnId);
  }

  #costsOf(turnId: string): Row[] {
    if (!this.#reservations.any) return [];
    return this.#of(turnId).filter((row) => row["measure"] === "cost" && row["unpriced_period"] === null);
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
