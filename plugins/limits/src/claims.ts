import { type QuotaClaim, type QuotaMeasure, type QuotaWindow, Refusal } from "@claudeway/core";
import {
  type Budget,
  type LimitsConfig,
  type Rate,
  type Scope,
  subjectsOf,
  type TaggedKey,
} from "./config.js";

/** What a rate limits, as its setting is called. */
export type RateKind =
  | "requests_per_minute"
  | "turns_per_minute"
  | "tokens_per_minute"
  | "concurrent_turns"
  | "queue_share";

/** A limit on one counter, with the setting that it comes from. */
export type Limit = QuotaClaim & { readonly of: Budget | RateKind };

const RATES: Readonly<Record<RateKind, { readonly window: QuotaWindow; readonly measure: QuotaMeasure }>> = {
  requests_per_minute: { window: "minute", measure: "count" },
  turns_per_minute: { window: "minute", measure: "count" },
  tokens_per_minute: { window: "minute", measure: "tokens" },
  concurrent_turns: { window: "all", measure: "held" },
  queue_share: { window: "all", measure: "held" },
};
/** What a turn needs to begin: of tokens, that there is room at all. */
const AMOUNTS: Readonly<Record<RateKind, number>> = {
  requests_per_minute: 1,
  turns_per_minute: 1,
  tokens_per_minute: 0,
  concurrent_turns: 1,
  queue_share: 1,
};
const OF_TURNS: readonly RateKind[] = [
  "turns_per_minute",
  "tokens_per_minute",
  "concurrent_turns",
  "queue_share",
];

/** Of the ledger, in one call. */
export const MAX_COUNTERS = 64;

/** Finds the limits of a key in the configuration. */
export class KeyClaims {
  /**
   * @param tagsOf the tags of a key
   * @param places how many turns may run and wait in all
   */
  constructor(
    private readonly config: LimitsConfig,
    private readonly tagsOf: (keyId: string) => readonly string[],
    private readonly places: number,
  ) {}

  /** For a request of any kind. Throws a `Refusal` if they are too many to be counted at once. */
  ofRequest(keyId: string): Limit[] {
    return bounded(keyId, this.#rates(keyId, ["requests_per_minute"]));
  }

  ofTokens(keyId: string): Limit[] {
    return this.#rates(keyId, ["tokens_per_minute"]);
  }

  /** For a turn that is about to begin. Throws a `Refusal` if they are too many to be reserved at once. */
  ofTurn(keyId: string): Limit[] {
    return bounded(keyId, [...this.ofBudgets(keyId), ...this.#rates(keyId, OF_TURNS)]);
  }

  /** For a turn that the CLI began: it runs already, so only what it costs can be limited. */
  ofBackgroundTurn(keyId: string): Limit[] {
    return bounded(keyId, this.ofBudgets(keyId));
  }

  ofBudgets(keyId: string): Limit[] {
    return this.config.budgets.flatMap((budget) =>
      subjectsOf(budget, this.#key(keyId)).map((subject) => ({
        name: `budget:${budget.name}`,
        subject,
        window: budget.window,
        measure: "cost",
        limit: budget.usd,
        amount: Math.min(budget.reserve_usd, budget.usd),
        of: budget,
      })),
    );
  }

  all(keyId: string): Limit[] {
    return [...this.ofBudgets(keyId), ...this.#rates(keyId, [...OF_TURNS, "requests_per_minute"])];
  }

  #key(keyId: string): TaggedKey {
    return { id: keyId, tags: this.tagsOf(keyId) };
  }

  #rates(keyId: string, kinds: readonly RateKind[]): Limit[] {
    return this.config.rates.flatMap((rate) =>
      subjectsOf(rate, this.#key(keyId)).flatMap((subject) =>
        kinds.flatMap((kind) => limitOf(rate, kind, subject, this.places)),
      ),
    );
  }
}

function bounded(keyId: string, limits: Limit[]): Limit[] {
  if (limits.length <= MAX_COUNTERS) return limits;
  const problem = `at most ${MAX_COUNTERS} limits may be for one key, got ${limits.length} for ${keyId}`;
  throw new Refusal(403, `${problem}: there are too many, or it has too many tags`);
}

function limitOf(rate: Scope & Rate, kind: RateKind, subject: string, places: number): Limit[] {
  const given = rate[kind];
  if (given === undefined) return [];
  // However small a share is, one turn at a time has room.
  const limit = kind === "queue_share" ? Math.max(1, Math.floor(given * places)) : given;
  return [{ name: `${kind}:${rate.name}`, subject, ...RATES[kind], limit, amount: AMOUNTS[kind], of: kind }];
}
