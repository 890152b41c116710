import type { Histogram, TurnStatistics } from "@claudeway/core";

export const NOTHING: TurnStatistics = {
  turns: 0,
  open: 0,
  ends: {},
  processes: {},
  tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
  costUsd: 0,
  unpriced: 0,
  byModel: [],
  queuedMs: [],
  firstTokenMs: [],
  wholeMs: [],
};

/** The statistics of several ranges as those of one. */
export function merged(parts: readonly TurnStatistics[]): TurnStatistics {
  const [first = NOTHING, ...others] = parts;
  if (others.length === 0) return first;
  const sum = (of: (part: TurnStatistics) => number) => parts.reduce((total, part) => total + of(part), 0);
  const models = [...new Set(parts.flatMap(({ byModel }) => byModel.map(({ model }) => model)))];
  return {
    turns: sum(({ turns }) => turns),
    open: sum(({ open }) => open),
    ends: addedUp(parts.map(({ ends }) => ends)),
    processes: addedUp(parts.map(({ processes }) => processes)),
    tokens: {
      input: sum(({ tokens }) => tokens.input),
      output: sum(({ tokens }) => tokens.output),
      cache_read: sum(({ tokens }) => tokens.cache_read),
      cache_write: sum(({ tokens }) => tokens.cache_write),
    },
    costUsd: sum(({ costUsd }) => costUsd),
    unpriced: sum(({ unpriced }) => unpriced),
    byModel: models.map((model) => {
      const rows = parts.flatMap(({ byModel }) => byModel.filter((row) => row.model === model));
      return {
        model,
        turns: rows.reduce((total, { turns }) => total + turns, 0),
        costUsd: rows.reduce((total, { costUsd }) => total + costUsd, 0),
        unpriced: rows.reduce((total, { unpriced }) => total + unpriced, 0),
      };
    }),
    queuedMs: mergedHistogram(parts.map(({ queuedMs }) => queuedMs)),
    firstTokenMs: mergedHistogram(parts.map(({ firstTokenMs }) => firstTokenMs)),
    wholeMs: mergedHistogram(parts.map(({ wholeMs }) => wholeMs)),
  };
}

function addedUp(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, number] of parts.flatMap(Object.entries<number>)) sums[name] = (sums[name] ?? 0) + number;
  return sums;
}

function mergedHistogram(parts: readonly Histogram[]): Histogram {
  const sums = new Map<number, number>();
  for (const [ms, turns] of parts.flat()) sums.set(ms, (sums.get(ms) ?? 0) + turns);
  return [...sums].sort(([a], [b]) => a - b);
}

/** The times that half, 95 % and 99 % of the turns did not exceed; null if there are none. */
export function percentilesOf(histogram: Histogram) {
  const turns = histogram.reduce((sum, [, number]) => sum + number, 0);
  if (turns === 0) return null;
  return {
    turns,
    p50: quantile(histogram, 0.5 * turns),
    p95: quantile(histogram, 0.95 * turns),
    p99: quantile(histogram, 0.99 * turns),
  };
}

export type Percentiles = ReturnType<typeof percentilesOf>;

function quantile(histogram: Histogram, rank: number): number {
  let seen = 0;
  for (const [ms, turns] of histogram) {
    seen += turns;
    if (seen >= rank) return ms;
  }
  return histogram.at(-1)?.[0] ?? 0;
}
