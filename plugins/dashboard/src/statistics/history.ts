import { setImmediate } from "node:timers/promises";
import type { LedgerView, PluginStore, Scope, TurnStatistics } from "@claudeway/core";
import { merged, NOTHING } from "./counts.js";

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
/** A turn may be recorded this long after its beginning. */
const LATE_MS = 120_000;
/** How long counts of a period that has not ended are reused: shorter than the delay before a page learns that a turn ended. */
const FRESH_MS = 100;
const MAX_DAYS = 400;
const MAX_HOURS = 100;
/** Of a day in the store, as JSON. */
const MAX_STORED = 60_000;

interface Counted {
  readonly statistics: TurnStatistics;
  readonly at: number;
  /** True: no turn of that time can change any more. */
  readonly final: boolean;
}

export interface HistoryParts {
  readonly ledger: Pick<LedgerView, "statistics" | "turns">;
  readonly store: Pick<PluginStore, "get" | "set">;
  readonly log: Pick<Scope["log"], "warn">;
}

/**
 * What became of the turns of each hour and day. The ledger counts an hour at a time; what can't change any more is kept,
 * days also over restarts. So a page costs the same whether the ledger has a thousand turns or a million; only the first
 * look at old days reads their turns, in the background.
 */
export class StatisticsHistory {
  readonly #hours = new Map<number, Counted>();
  readonly #days = new Map<number, Counted>();
  #counting: Promise<void> | undefined;
  #closed = false;

  constructor(private readonly parts: HistoryParts) {}

  close(): void {
    this.#closed = true;
  }

  /** The counts of hours or days, by their beginnings; undefined for those that are not known after `patienceMs`. */
  async read(
    starts: readonly number[],
    lengthMs: number,
    patienceMs: number,
  ): Promise<(TurnStatistics | undefined)[]> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), patienceMs);
    const given = new Promise<void>((resolve) => late.signal.addEventListener("abort", () => resolve()));
    // A run that is under way may be counting other times.
    for (let runs = 0; runs < 2 && !late.signal.aborted; runs++) {
      this.#counting ??= this.#count(starts, lengthMs).finally(() => {
        this.#counting = undefined;
      });
      await Promise.race([this.#counting, given]);
    }
    clearTimeout(timer);
    const known = lengthMs === DAY_MS ? this.#days : this.#hours;
    return starts.map((start) => known.get(start)?.statistics);
  }

  /** The latest first. Never rejects. */
  async #count(starts: readonly number[], lengthMs: number): Promise<void> {
    try {
      for (const start of starts.toReversed()) {
        if (lengthMs === DAY_MS) await this.#countDay(start);
        else await this.#countHour(start);
      }
    } catch (error) {
      if (!this.#closed) this.parts.log.warn({ err: error }, "cannot count the turns of a time range");
    }
  }

  async #countDay(start: number): Promise<void> {
    const end = start + DAY_MS;
    if (this.#closed || isCurrent(this.#days.get(start), end)) return;
    const at = Date.now();
    if (end + LATE_MS < at) {
      const over = (await this.#stored(start)) ?? ((await this.#isEmpty(start)) ? NOTHING : undefined);
      if (over !== undefined) return keep(this.#days, MAX_DAYS, start, { statistics: over, at, final: true });
    }
    const hours: Counted[] = [];
    for (let hour = start; hour < end; hour += HOUR_MS) hours.push(await this.#countHour(hour));
    const statistics = merged(hours.map((hour) => hour.statistics));
    const final = hours.every((hour) => hour.final);
    keep(this.#days, MAX_DAYS, start, { statistics, at, final });
    if (final && JSON.stringify(statistics).length <= MAX_STORED) {
      await this.parts.store.set(keyOf(start), statistics, { ttlMs: MAX_DAYS * DAY_MS });
    }
  }

  async #countHour(start: number): Promise<Counted> {
    const known = this.#hours.get(start);
    const end = start + HOUR_MS;
    if (known !== undefined && (this.#closed || isCurrent(known, end))) return known;
    const at = Date.now();
    if (this.#closed || start > at) return { statistics: NOTHING, at, final: false };
    const range = { since: new Date(start).toISOString(), until: new Date(end).toISOString() };
    const statistics = await this.parts.ledger.statistics(range);
    const counted = { statistics, at, final: statistics.open === 0 && end + LATE_MS < at };
    keep(this.#hours, MAX_HOURS, start, counted);
    // The ledger may answer without a pause, and others wait.
    await setImmediate();
    return counted;
  }

  async #isEmpty(day: number): Promise<boolean> {
    const range = { since: new Date(day).toISOString(), until: new Date(day + DAY_MS).toISOString() };
    return (await this.parts.ledger.turns({ ...range, limit: 1 })).turns.length === 0;
  }

  async #stored(day: number): Promise<TurnStatistics | undefined> {
    const entry = await this.parts.store.get(keyOf(day));
    return isStatistics(entry?.value) ? entry.value : undefined;
  }
}

/** Counts of old periods are refreshed rarely: a turn from yesterday that still waits for a person is not urgent. */
function isCurrent(counted: Counted | undefined, end: number): boolean {
  if (counted === undefined) return false;
  const now = Date.now();
  return counted.final || now - counted.at < Math.max(FRESH_MS, (now - end) / 600);
}

/** Keeps the latest that were counted. */
function keep(counts: Map<number, Counted>, most: number, start: number, counted: Counted): void {
  counts.delete(start);
  counts.set(start, counted);
  const [oldest] = counts.keys();
  if (counts.size > most && oldest !== undefined) counts.delete(oldest);
}

/** The number is that of the format. */
function keyOf(day: number): string {
  return `statistics-1/${new Date(day).toISOString().slice(0, 10)}`;
}

function isStatistics(value: unknown): value is TurnStatistics {
  const fields = Object.keys(NOTHING);
  return typeof value === "object" && value !== null && fields.every((name) => name in value);
}
