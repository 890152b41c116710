import type { ModelShare, TurnUsage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";

const NO_SHARE: ModelShare = { tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 }, costUsd: 0 };

/** The usage of a turn that never reached the CLI. */
export const NO_USAGE: TurnUsage = Object.freeze({ ...NO_SHARE, estimated: false, byModel: {} });

/** The total usage of two parts of a turn. If the price of one part is unknown, the total is unknown. */
export function addUsage(a: TurnUsage, b: TurnUsage): TurnUsage {
  const models = new Set([...Object.keys(a.byModel), ...Object.keys(b.byModel)]);
  return {
    tokens: addTokens(a.tokens, b.tokens),
    costUsd: addUsd(a.costUsd, b.costUsd),
    estimated: a.estimated || b.estimated,
    byModel: Object.fromEntries(
      [...models].map((model) => [model, addShares(a.byModel[model], b.byModel[model])]),
    ),
  };
}

function addShares(a = NO_SHARE, b = NO_SHARE): ModelShare {
  return { tokens: addTokens(a.tokens, b.tokens), costUsd: addUsd(a.costUsd, b.costUsd) };
}

function addTokens(a: Tokens, b: Tokens): Tokens {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cache_read: a.cache_read + b.cache_read,
    cache_write: a.cache_write + b.cache_write,
  };
}

/** 1e-10 USD is below the price of any token; smaller amounts are floating-point noise. */
function addUsd(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.round((a + b) * 1e10) / 1e10;
}
