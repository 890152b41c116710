import type {
  BudgetWarning,
  QuotaBook,
  QuotaClaim,
  QuotaCounter,
  QuotaMeasure,
  QuotaResult,
  QuotaState,
  QuotaWindow,
} from "@claudeway/ports";

/** In one call. */
const MAX_COUNTERS = 64;
/** Of a name and of a subject, in bytes of UTF-8. */
const MAX_NAME_BYTES = 256;
/** USD, tokens or counts: sums stay exact. */
const MAX_AMOUNT = 1_000_000;
const MAX_COUNT = 1_000_000_000_000;

const WINDOWS: readonly unknown[] = ["minute", "day", "week", "month", "all"] satisfies QuotaWindow[];
const MEASURES: readonly unknown[] = ["cost", "tokens", "count", "held"] satisfies QuotaMeasure[];

/**
 * Counters with limits, in the ledger: exact while many turns run, and over restarts. Each call is one transaction, on up
 * to 64 counters. Counters belong to the plugin: another one's have other values under the same names. Amounts are USD
 * for the measure `cost`, otherwise integers. Calls with invalid arguments reject with a TypeError or RangeError.
 */
export interface Quota {
  /**
   * Reserves for a turn, on all counters or on none, what it may use; call it in `beforeExecute` or `backgroundTurn`.
   * When the turn ends, the ledger counts what it used instead, whatever its end, also after a crash. A turn whose cost
   * is unknown counts as what it reserved, until the price is known.
   */
  reserve(turnId: string, claims: readonly QuotaClaim[]): Promise<QuotaResult>;
  /** Counts at once, on all counters or on none. Their measure must be `count`. */
  count(claims: readonly QuotaClaim[]): Promise<QuotaResult>;
  /** Replaces what the turn reserved of a counter by `actual`, before its end. False if nothing is reserved. */
  settle(turnId: string, counter: QuotaCounter, actual: number): Promise<boolean>;
  read(counters: readonly QuotaCounter[]): Promise<readonly QuotaState[]>;
  /** Tells the taps of `budgetWarning`, of all plugins. */
  warn(warning: BudgetWarning): void;
}

/** Opens the part of the ledger's counters that belongs to `plugin`. */
export function openQuota(book: QuotaBook, plugin: string, warn: (warning: BudgetWarning) => void): Quota {
  return Object.freeze({
    async reserve(turnId: string, claims: readonly QuotaClaim[]) {
      checkText("turnId", turnId);
      return book.claim(plugin, turnId, checkClaims(claims));
    },
    async count(claims: readonly QuotaClaim[]) {
      for (const { measure } of checkClaims(claims))
        if (measure !== "count")
          throw new TypeError(`measure must be "count", got ${JSON.stringify(measure)}`);
      return book.claim(plugin, undefined, claims);
    },
    async settle(turnId: string, counter: QuotaCounter, actual: number) {
      checkText("turnId", turnId);
      checkCounter(counter);
      checkAmount("actual", actual, counter);
      return book.settle(plugin, turnId, counter, actual);
    },
    async read(counters: readonly QuotaCounter[]) {
      checkNumber(counters.length);
      for (const counter of counters) checkCounter(counter);
      return book.read(plugin, counters);
    },
    warn,
  });
}

function checkClaims(claims: readonly QuotaClaim[]): readonly QuotaClaim[] {
  checkNumber(claims.length);
  for (const claim of claims) {
    checkCounter(claim);
    checkAmount("amount", claim.amount, claim);
    checkAmount("limit", claim.limit, claim);
  }
  return claims;
}

function checkCounter({ name, subject, window, measure }: QuotaCounter): void {
  checkText("name", name);
  checkText("subject", subject);
  if (!WINDOWS.includes(window))
    throw new TypeError(`window must be one of ${WINDOWS.join(", ")}, got ${JSON.stringify(window)}`);
  if (!MEASURES.includes(measure))
    throw new TypeError(`measure must be one of ${MEASURES.join(", ")}, got ${JSON.stringify(measure)}`);
}

function checkText(what: string, text: string): void {
  if (typeof text !== "string") throw new TypeError(`${what} must be a string, got ${typeof text}`);
  const bytes = Buffer.byteLength(text);
  if (bytes < 1 || bytes > MAX_NAME_BYTES)
    throw new RangeError(`${what} must have 1 to ${MAX_NAME_BYTES} bytes, got ${bytes}`);
}

function checkAmount(what: string, amount: number, { measure }: QuotaCounter): void {
  const max = measure === "cost" ? MAX_AMOUNT : MAX_COUNT;
  const isValid = measure === "cost" ? Number.isFinite(amount) : Number.isSafeInteger(amount);
  if (!isValid || amount < 0 || amount > max) {
    const kind = measure === "cost" ? "a number" : "an integer";
    throw new RangeError(`${what} must be ${kind} from 0 to ${max}, got ${amount}`);
  }
}

function checkNumber(count: number): void {
  if (count < 1 || count > MAX_COUNTERS)
    throw new RangeError(`the number of counters must be from 1 to ${MAX_COUNTERS}, got ${count}`);
}
