import type { ModelShare, TurnUsage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import { nanoOf, usdOf } from "./money.js";
import { costOf, fitPrices } from "./price-fit.js";
import { integer, tokens as tokensOf } from "./rows.js";
import { type Booked, hasTokens, type Share } from "./shares.js";
import type { Sql, Work } from "./sql.js";
import { inOrder } from "./totals.js";

/** The number of recent turns kept per model: enough to fit four prices, few enough to follow price changes. */
const SAMPLES = 64;

const REPLACED = ["number", "input", "output", "cache_read", "cache_write", "cost_nano"]
  .map((column) => `${column} = excluded.${column}`)
  .join(", ");

const COLUMNS = "model, slot, number, input, output, cache_read, cache_write, cost_nano";
const REPLACE = `ON CONFLICT (model, slot) DO UPDATE SET ${REPLACED}`;
/** Replaces the oldest sample. */
const ADD = `
INSERT INTO price_samples (${COLUMNS})
SELECT CAST(? AS TEXT), seen.number % ${SAMPLES}, seen.number, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT),
  CAST(? AS BIGINT), CAST(? AS BIGINT)
FROM (SELECT coalesce(max(number), 0) + 1 AS number FROM price_samples WHERE model = ?) AS seen WHERE true
${REPLACE} RETURNING number`;
/** Among many gateways: turns that end at the same time replace different samples, each the oldest that no other replaces. */
const addAnywhere = (forUpdate: string) => `
WITH seen AS (SELECT coalesce(max(number), 0) + 1 AS number FROM price_samples WHERE model = ?),
  oldest AS (SELECT slot FROM price_samples WHERE model = ? ORDER BY number LIMIT 1${forUpdate} SKIP LOCKED)
INSERT INTO price_samples (${COLUMNS})
SELECT CAST(? AS TEXT), CASE WHEN seen.number > ${SAMPLES} THEN coalesce((SELECT slot FROM oldest), seen.number % ${SAMPLES})
  ELSE seen.number % ${SAMPLES} END, seen.number, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT),
  CAST(? AS BIGINT), CAST(? AS BIGINT) FROM seen WHERE true
${REPLACE} RETURNING number`;

/** Learns the token prices of models from turns with a reported cost. */
export class PriceTable {
  constructor(private readonly sql: Sql) {}

  /** Must run in the caller's transaction. Returns the models whose price was not known before. */
  *learn(booked: Booked): Work<string[]> {
    const learned: string[] = [];
    if (booked.estimated || booked.unpriced) return learned;
    for (const share of inOrder(booked.shares)) {
      if (!share.priced || !hasTokens(share.tokens)) continue;
      const isFirst = this.sql.dialect.alone ? this.#add(share) : this.#addAnywhere(share);
      if (yield* isFirst) learned.push(share.model);
    }
    return learned;
  }

  /** Returns whether it is the model's first sample. */
  *#add({ model, tokens, costNano }: Share): Work<boolean> {
    const added = yield* this.sql.one(ADD, model, ...valuesOf(tokens), costNano, model);
    return added !== undefined && integer(added, "number") === 1;
  }

  /** Like `#add`, where others may add samples of the model at the same time: one of them is the first. */
  *#addAnywhere({ model, tokens, costNano }: Share): Work<boolean> {
    const sql = addAnywhere(this.sql.dialect.forUpdate);
    const added = yield* this.sql.one(sql, model, model, model, ...valuesOf(tokens), costNano);
    if (added === undefined || integer(added, "number") > 1) return false;
    const noted = "INSERT INTO counters (name, value) VALUES (?, 1) ON CONFLICT DO NOTHING";
    return (yield* this.sql.run(noted, `price of ${model}`)) === 1;
  }

  /** @param share the usage of the model by the same turn, at a cost that its process reported */
  *estimateCost(model: string, tokens: Tokens, share?: ModelShare): Work<number | null> {
    if (!hasTokens(tokens)) return 0;
    const rows = yield* this.sql.all("SELECT * FROM price_samples WHERE model = ?", model);
    const samples = rows.map((row) => ({ tokens: tokensOf(row), costNano: integer(row, "cost_nano") }));
    if (share !== undefined && share.costUsd !== null) {
      samples.push({ tokens: share.tokens, costNano: nanoOf(share.costUsd) });
    }
    const prices = fitPrices(samples);
    return prices === undefined ? null : usdOf(Math.round(costOf(tokens, prices)));
  }

  *price(usage: TurnUsage, beside?: TurnUsage): Work<TurnUsage> {
    if (usage.costUsd !== null) return usage;
    const shares: [string, ModelShare][] = [];
    for (const [model, share] of Object.entries(usage.byModel)) {
      const costUsd =
        share.costUsd ?? (yield* this.estimateCost(model, share.tokens, beside?.byModel[model]));
      shares.push([model, { ...share, costUsd }]);
    }
    const costUsd = sumOf(
      usage,
      shares.map(([, share]) => share),
    );
    return { ...usage, byModel: Object.fromEntries(shares), costUsd };
  }
}

function valuesOf({ input, output, cache_read, cache_write }: Tokens): number[] {
  return [input, output, cache_read, cache_write];
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
