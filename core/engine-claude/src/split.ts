import type { ModelTotals, TotalsByModel } from "@claudeway/ports";
import { add, subtract } from "./totals.js";

/**
 * The relative cost of a model's kinds of tokens. The CLI reports one sum for two turns that ran together. These
 * weights split it so that the parts still add up to the sum.
 */
const WEIGHTS = { input: 1, output: 5, cacheRead: 0.1, cacheWrite: 1.25 } as const;
const COUNTS = ["input", "output", "cacheRead", "cacheWrite"] as const;

/** Subtracts from `used` the part that was delivered to one of the turns that share it. */
export function takeShare(
  used: TotalsByModel,
  delivered: TotalsByModel,
): { readonly share: TotalsByModel; readonly rest: TotalsByModel } {
  let share: TotalsByModel = {};
  for (const [model, row] of Object.entries(delivered)) {
    // Two models may have one name there: what the first was given is gone.
    const left = subtract(used, share);
    const name = nameIn(left, model);
    const whole = name === undefined ? undefined : left[name];
    if (name !== undefined && whole !== undefined) share = add(share, { [name]: partOf(whole, row) });
  }
  return { share, rest: subtract(used, share) };
}

/** The model under its name in the totals, which may be longer than in the stream. */
function nameIn(totals: TotalsByModel, model: string): string | undefined {
  const names = Object.keys(totals);
  return (
    names.find((name) => name === model) ??
    names.find((name) => name.startsWith(model) || model.startsWith(name)) ??
    names[0]
  );
}

function partOf(whole: ModelTotals, row: ModelTotals): ModelTotals {
  const [input, output, cacheRead, cacheWrite] = COUNTS.map((count) => Math.min(row[count], whole[count]));
  const part = {
    input: input ?? 0,
    output: output ?? 0,
    cacheRead: cacheRead ?? 0,
    cacheWrite: cacheWrite ?? 0,
  };
  const weight = weightOf(whole);
  const costUsd =
    whole.costUsd === null || weight === 0 ? whole.costUsd : (whole.costUsd * weightOf(part)) / weight;
  return { ...part, costUsd };
}

function weightOf(row: Pick<ModelTotals, (typeof COUNTS)[number]>): number {
  return COUNTS.reduce((sum, count) => sum + WEIGHTS[count] * row[count], 0);
}
