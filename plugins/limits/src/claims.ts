import type { QuotaClaim, QuotaMeasure, QuotaWindow } from "@claudeway/core";
import { appliesTo, type Budget, type LimitsConfig, type Rate, type Scope, subjectOf } from "./config.js";

/** What a rate limits, as its setting is called. */
export type RateKind = "requests_per_minute" | "turns_per_minute" | "tokens_per_minute" | "concurrent_turns";

/** A limit on one counter, with the setting that it comes from. */
export type Limit = QuotaClaim & { readonly of: Budget | RateKind };

const RATES: Readonly<Record<RateKind, { readonly window: QuotaWindow; readonly measure: QuotaMeasure }>> = {
  requests_per_minute: { window: "minute", measure: "count" },
  turns_per_minute: { window: "minute", measure: "count" },
  tokens_per_minute: { window: "minute", measure: "tokens" },
  concurrent_turns: { window: "all", measure: "held" },
};
/** What a turn needs to begin: of tokens, that there is room at all. */
const AMOUNTS: Readonly<Record<RateKind, number>> = {
  requests_per_minute: 1,
  turns_per_minute: 1,
  tokens_per_minute: 0,
  concurrent_turns: 1,
};
const OF_TURNS: readonly RateKind[] = ["turns_per_minute", "tokens_per_minute", "concurrent_turns"];

/** Finds the limits of a key in the configuration. */
export class KeyClaims {
  constructor(private readonly config: LimitsConfig) {}

  /** For a request of any kind. */
  ofRequest(keyId: string): Limit[] {
    return this.#rates(keyId, ["requests_per_minute"]);
  }

  /** For a turn that is about to begin. */
  ofTurn(keyId: string): Limit[] {
    return [...this.ofBudgets(keyId), ...this.#rates(keyId, OF_TURNS)];
  }

  ofBudgets(keyId: string): Limit[] {
    return this.config.budgets
      .filter((budget) => appliesTo(budget, keyId))
      .map((budget) => ({
        name: `budget:${budget.name}`,
        subject: subjectOf(budget, keyId),
        window: budget.window,
        measure: "cost",
        limit: budget.usd,
        amount: Math.min(budget.reserve_usd, budget.usd),
        of: budget,
      }));
  }

  all(keyId: string): Limit[] {
    return [...this.ofTurn(keyId), ...this.ofRequest(keyId)];
  }

  #rates(keyId: string, kinds: readonly RateKind[]): Limit[] {
    return this.config.rates
      .filter((rate) => appliesTo(rate, keyId))
      .flatMap((rate) => kinds.flatMap((kind) => limitOf(rate, kind, keyId)));
  }
}

function limitOf(rate: Scope & Rate, kind: RateKind, keyId: string): Limit[] {
  const limit = rate[kind];
  if (limit === undefined) return [];
  const name = `${kind}:${rate.name}`;
  return [{ name, subject: subjectOf(rate, keyId), ...RATES[kind], limit, amount: AMOUNTS[kind], of: kind }];
}
