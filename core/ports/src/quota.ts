/*
 * Counters with limits, in the ledger. What a turn may use is reserved before it runs, on all of its counters or on none,
 * and replaced by what it used in the transaction that records its end. So a reservation never outlives its turn, also if
 * the gateway is killed: a lost turn's end is recorded at the next start. A ledger on another database must lock the
 * counters of one call in the order of their names, and use the database's clock.
 */

/** A counter begins anew with each minute, day, ISO week or month of UTC, or never. */
export type QuotaWindow = "minute" | "day" | "week" | "month" | "all";

/**
 * What a counter counts:
 *
 * - `cost`: USD of turns, as the ledger records them. The turn is stopped when it has cost what it reserved and no more
 *   can be reserved.
 * - `tokens`: input, output and cache writes of turns, as the ledger records them
 * - `count`: what is passed, at once; nothing is reserved
 * - `held`: nothing; the amount is reserved until the turn ends, and not while it is parked
 */
export type QuotaMeasure = "cost" | "tokens" | "count" | "held";

export interface QuotaCounter {
  /** The plugin's name for it, such as `budget`. */
  readonly name: string;
  /** Whose it is, such as `key:ci`. */
  readonly subject: string;
  readonly window: QuotaWindow;
  readonly measure: QuotaMeasure;
}

export interface QuotaClaim extends QuotaCounter {
  /** The most that may be used and reserved in one window. */
  readonly limit: number;
  /** `cost` and `tokens` are granted in part if there is less room; with 0, the counter must have room at all. */
  readonly amount: number;
}

/** A counter in its current window. */
export interface QuotaState extends QuotaCounter {
  readonly used: number;
  /** By turns that have not ended. */
  readonly reserved: number;
  /** When the window ends, ISO 8601 UTC; undefined for `all`. */
  readonly resetsAt: string | undefined;
}

/** The outcome of a claim on several counters. If it is not `ok`, nothing was changed. */
export type QuotaResult =
  /** `costUsd` is what was reserved on each counter of cost; undefined without one. */
  | { readonly ok: true; readonly costUsd: number | undefined }
  /** `full`: the counters without enough room. `ended`: the turn is unknown or has ended. */
  | { readonly ok: false; readonly reason: "full"; readonly full: readonly QuotaState[] }
  | { readonly ok: false; readonly reason: "ended" };

/** The counters of plugins; `plugin` separates their names. */
export interface QuotaBook {
  /** Claims on all counters or on none. Without a turn, every measure must be `count`. */
  claim(plugin: string, turnId: string | undefined, claims: readonly QuotaClaim[]): Promise<QuotaResult>;
  /** Replaces what a turn reserved by what it used. False if nothing is reserved: the turn may have ended. */
  settle(plugin: string, turnId: string, counter: QuotaCounter, actual: number): Promise<boolean>;
  read(plugin: string, counters: readonly QuotaCounter[]): Promise<readonly QuotaState[]>;
  /** What a turn has reserved for its cost, in USD: the least of its counters. Undefined if it has no such counter. */
  reservedUsd(turnId: string): Promise<number | undefined>;
  /** Reserves once more what the turn reserved at first, or what is left. Undefined if nothing is. */
  extend(turnId: string): Promise<number | undefined>;
}

/** A budget of which a share is used up. */
export interface BudgetWarning {
  /** The budget's name. */
  readonly budget: string;
  /** Whose it is, such as `key:ci`. */
  readonly subject: string;
  readonly window: QuotaWindow;
  readonly limitUsd: number;
  readonly spentUsd: number;
  /** The share of the limit that was passed, such as 0.8. */
  readonly share: number;
  /** When it begins anew, ISO 8601 UTC; undefined if it never does. */
  readonly resetsAt: string | undefined;
}
