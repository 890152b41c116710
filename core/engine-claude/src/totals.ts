import type { ModelTotals, TotalsByModel } from "@claudeway/ports";

export const NO_TOTALS: TotalsByModel = Object.freeze({});
export const NOTHING: ModelTotals = Object.freeze({
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  costUsd: 0,
});
export const INPUT_COUNTS = ["input", "cacheRead", "cacheWrite"] as const;
export const COUNTS = [...INPUT_COUNTS, "output"] as const;

/** The difference, never below zero. */
export function lessen(row: ModelTotals, by: ModelTotals): ModelTotals {
  const rest = combine(row, by, -1);
  return {
    input: Math.max(0, rest.input),
    output: Math.max(0, rest.output),
    cacheRead: Math.max(0, rest.cacheRead),
    cacheWrite: Math.max(0, rest.cacheWrite),
    costUsd: 0,
  };
}

/** The larger of each count by model, if both cover parts of the same usage. The cost is then unknown. */
export function most(a: TotalsByModel, b: TotalsByModel): TotalsByModel {
  const models = new Set([...Object.keys(a), ...Object.keys(b)]);
  const rows = [...models].map((model): [string, ModelTotals] => {
    const [one, other] = [a[model] ?? NOTHING, b[model] ?? NOTHING];
    return [
      model,
      {
        input: Math.max(one.input, other.input),
        output: Math.max(one.output, other.output),
        cacheRead: Math.max(one.cacheRead, other.cacheRead),
        cacheWrite: Math.max(one.cacheWrite, other.cacheWrite),
        costUsd: null,
      },
    ];
  });
  return Object.fromEntries(rows);
}

export function add(a: TotalsByModel, b: TotalsByModel): TotalsByModel {
  return merge(a, b, 1);
}

export function subtract(from: TotalsByModel, what: TotalsByModel): TotalsByModel {
  const difference = Object.entries(merge(from, what, -1));
  return Object.fromEntries(difference.filter(([, row]) => !isNothing(row)));
}

export function isEmpty(totals: TotalsByModel): boolean {
  return Object.keys(totals).length === 0;
}

export function sumOf(totals: TotalsByModel): ModelTotals {
  return Object.values(totals).reduce((sum, row) => combine(sum, row, 1), NOTHING);
}

/** Whether nothing in it is below zero, but for the noise of floats. */
export function isPossible(used: TotalsByModel): boolean {
  return Object.values(used).every(
    (row) => COUNTS.every((count) => row[count] >= 0) && (row.costUsd ?? 0) > -1e-9,
  );
}

/** Whether every count of `delivered`, over all models, is in `used`: the names of models differ between the two. */
export function covers(used: TotalsByModel, delivered: TotalsByModel): boolean {
  const sum = sumOf(used);
  const seen = sumOf(delivered);
  return COUNTS.every((count) => sum[count] >= seen[count]);
}

/** Whether it covers `delivered` and says the same of what went in; of what came out the stream may know less. */
export function matches(used: TotalsByModel, delivered: TotalsByModel): boolean {
  const sum = sumOf(used);
  const seen = sumOf(delivered);
  const sameInput = sum.input === seen.input && sum.cacheRead === seen.cacheRead;
  return sameInput && sum.cacheWrite === seen.cacheWrite && sum.output >= seen.output;
}

function merge(a: TotalsByModel, b: TotalsByModel, sign: 1 | -1): TotalsByModel {
  const models = new Set([...Object.keys(a), ...Object.keys(b)]);
  return Object.fromEntries(
    [...models].map((model) => [model, combine(a[model] ?? NOTHING, b[model] ?? NOTHING, sign)]),
  );
}

export function combine(a: ModelTotals, b: ModelTotals, sign: 1 | -1): ModelTotals {
  return {
    input: a.input + sign * b.input,
    output: a.output + sign * b.output,
    cacheRead: a.cacheRead + sign * b.cacheRead,
    cacheWrite: a.cacheWrite + sign * b.cacheWrite,
    costUsd: a.costUsd === null || b.costUsd === null ? null : a.costUsd + sign * b.costUsd,
  };
}

export function isNothing(row: ModelTotals): boolean {
  return COUNTS.every((count) => row[count] === 0) && Math.abs(row.costUsd ?? 0) <= 1e-12;
}
