/** One series of a chart, in the order of its periods. */
export interface Series {
  readonly name: string;
  readonly values: readonly number[];
  /** A variable of the style sheet, such as `--bad`. By default, colours follow in the order of the series. */
  readonly colour?: string;
}

const DAY_MS = 86_400_000;

/** Consecutive periods. The response omits days without turns; they count as zero. */
export function withEmptyDays<T extends { readonly period: string }>(
  data: readonly T[],
  empty: (period: string) => T,
): T[] {
  const { period: first = "" } = data[0] ?? {};
  const { period: last = "" } = data.at(-1) ?? {};
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
