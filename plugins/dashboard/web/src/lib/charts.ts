/** One series of a chart, in the order of its periods. */
export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

const DAY_MS = 86_400_000;

/** The first and the last of a number of days, up to today, in UTC. */
export function latestDays(days: number, now: number): Days {
  const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  return { first: dayOf(now - (days - 1) * DAY_MS), last: dayOf(now) };
}

export interface Days {
  /** Such as `2026-03-12`. */
  readonly first: string;
  readonly last: string;
}

/**
 * Consecutive periods. The response omits periods without turns; they count as zero.
 *
 * @param days by default from the first day with turns to the last
 */
export function withEmptyDays<T extends { readonly period: string }>(
  data: readonly T[],
  empty: (period: string) => T,
  days?: Days,
): T[] {
  const { first, last } = days ?? { first: data[0]?.period ?? "", last: data.at(-1)?.period ?? "" };
  if (!/^\d{4}-\d\d-\d\d$/.test(first)) return [...data];
  const known = new Map(data.map((one) => [one.period, one]));
  const found: T[] = [];
  for (let at = Date.parse(first); at <= Date.parse(last); at += DAY_MS) {
    const period = new Date(at).toISOString().slice(0, 10);
    found.push(known.get(period) ?? empty(period));
  }
  return found;
}

const MAX_SERIES = 5;

/** Cost per model and period, most expensive first. Models after the fifth share one series. */
export function byModel(
  data: readonly {
    readonly by_model: readonly { readonly model: string; readonly cost_usd: number | null }[];
  }[],
): Series[] {
  const sums = new Map<string, number>();
  for (const { by_model } of data) {
    for (const { model, cost_usd } of by_model) sums.set(model, (sums.get(model) ?? 0) + (cost_usd ?? 0));
  }
  const names = [...sums]
    .filter(([, sum]) => sum > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([name]) => name);
  const shown = names.slice(0, MAX_SERIES);
  const seriesOf = (name: string, has: (model: string) => boolean): Series => ({
    name,
    values: data.map(({ by_model }) =>
      by_model.reduce((sum, { model, cost_usd }) => sum + (has(model) ? (cost_usd ?? 0) : 0), 0),
    ),
  });
  const series = shown.map((name) => seriesOf(name, (model) => model === name));
  return names.length > MAX_SERIES
    ? [...series, seriesOf("others", (model) => !shown.includes(model))]
    : series;
}
