import type { ModelShare, TurnUsage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import type { Database } from "./database.js";
import { nanoOf, usdOf } from "./money.js";
import { costOf, fitPrices } from "./price-fit.js";
import { integer, tokens as tokensOf } from "./rows.js";
import { type Booked, hasTokens } from "./shares.js";

/** The number of recent turns kept per model: enough to fit four prices, few enough to follow price changes. */
const SAMPLES = 64;

/** Learns the token prices of models from turns with a reported cost. */
export class PriceTable {
  /** The number of samples recorded per model, used to replace the oldest. */
  readonly #seen = new Map<string, number>();

  constructor(private readonly database: Database) {}

  /** Must run in the caller's transaction. True if the price of a model was not known before. */
  learn(booked: Booked): boolean {
    let isFirst = false;
    if (booked.estimated || booked.unpriced) return isFirst;
    for (const { model, tokens, costNano, priced } of booked.shares) {
      if (!priced || !hasTokens(tokens)) continue;
      const number = this.#next(model);
      isFirst ||= number === 1;
      this.database.run(
        `INSERT OR REPLACE INTO price_samples (model, slot, number, input, output, cache_read, cache_write, cost_nano)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
        model,
        number % SAMPLES,
        number,
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.cache_write,
        costNano,
      );
    }
    return isFirst;
  }

  /** @param share the usage of the model by the same turn, at a cost that its process reported */
  estimateCost(model: string, tokens: Tokens, share?: ModelShare): number | null {
    if (!hasTokens(tokens)) return 0;
    const rows = this.database.all("SELECT * FROM price_samples WHERE model = ?", model);
    const samples = rows.map((row) => ({ tokens: tokensOf(row), costNano: integer(row, "cost_nano") }));
    if (share !== undefined && share.costUsd !== null) {
      samples.push({ tokens: share.tokens, costNano: nanoOf(share.costUsd) });
    }
    const prices = fitPrices(samples);
    return prices === undefined ? null : usdOf(Math.round(costOf(tokens, prices)));
  }

  price(usage: TurnUsage, beside?: TurnUsage): TurnUsage {
    if (usage.costUsd !== null) return usage;
    const shares = Object.entries(usage.byModel).map(([model, share]): [string, ModelShare] => [
      model,
      { ...share, costUsd: share.costUsd ?? this.estimateCost(model, share.tokens, beside?.byModel[model]) },
    ]);
    const costUsd = sumOf(
      usage,
      shares.map(([, share]) => share),
    );
    return { ...usage, byModel: Object.fromEntries(shares), costUsd };
  }

  #next(model: string): number {
    const seen = this.#seen.get(model) ?? this.#seenBefore(model);
    this.#seen.set(model, seen + 1);
    return seen + 1;
  }

  #seenBefore(model: string): number {
    const row = this.database.one(
      "SELECT coalesce(max(number), 0) AS seen FROM price_samples WHERE model = ?",
      model,
    );
    return row === undefined ? 0 : integer(row, "seen");
  }
}

/** Null if a part of the tokens has no price. */
function sumOf(usage: TurnUsage, shares: readonly ModelShare[]): number | null {
  if (shares.length === 0) return hasTokens(usage.tokens) ? null : 0;
  let nano = 0;
  for (const { costUsd } of shares) {
    if (costUsd === null) return null;
    nano += nanoOf(costUsd);
  }
  return usdOf(nano);
}
