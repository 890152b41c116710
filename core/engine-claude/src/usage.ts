import type { ModelTotals, TotalsByModel, TurnUsage } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import { sumOf } from "./totals.js";

/** The totals of one model as the CLI writes them. */
export interface ReportedTotals {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cacheReadInputTokens: number;
  readonly cacheCreationInputTokens: number;
  readonly costUSD: number;
}

export function totalsAsReported(byModel: Readonly<Record<string, ReportedTotals>>): TotalsByModel {
  const rows = Object.entries(byModel).map(([model, totals]): [string, ModelTotals] => [
    model,
    {
      input: totals.inputTokens,
      output: totals.outputTokens,
      cacheRead: totals.cacheReadInputTokens,
      cacheWrite: totals.cacheCreationInputTokens,
      costUsd: totals.costUSD,
    },
  ]);
  return Object.fromEntries(rows);
}

/**
 * Converts the usage of a turn to the gateway's format. A cost of null gets a learned price from the ledger.
 *
 * @param cut true if a message broke off, so that its output is an estimate of the CLI
 */
export function reportedUsage(used: TotalsByModel, cut = false): TurnUsage {
  const sum = sumOf(used);
  const byModel = Object.entries(used).map(([model, row]) => [
    model,
    { tokens: tokensOf(row), costUsd: roundUsd(row.costUsd) },
  ]);
  return {
    tokens: tokensOf(sum),
    costUsd: roundUsd(sum.costUsd),
    estimated: cut || sum.costUsd === null,
    byModel: Object.fromEntries(byModel),
  };
}

/** The usage of a turn without a report: what was streamed, with an unknown price. */
export function estimatedUsage(delivered: TotalsByModel): TurnUsage {
  return { ...reportedUsage(delivered), estimated: true };
}

/** Totals out of a turn's usage, without its price. */
export function totalsOf({ byModel }: TurnUsage): TotalsByModel {
  const rows = Object.entries(byModel).map(([model, { tokens }]) => {
    const { input, output, cache_read: cacheRead, cache_write: cacheWrite } = tokens;
    return [model, { input, output, cacheRead, cacheWrite, costUsd: null }];
  });
  return Object.fromEntries(rows);
}

function tokensOf(row: ModelTotals): Tokens {
  return { input: row.input, output: row.output, cache_read: row.cacheRead, cache_write: row.cacheWrite };
}

/** Differences of sums carry float noise; a ten-billionth of a dollar is below any token's price. */
function roundUsd(usd: number | null): number | null {
  return usd === null ? null : Math.max(0, Math.round(usd * 1e10) / 1e10);
}
