import type { Histogram, ProcessStart, StatisticsRange, TurnEnd, TurnStatistics } from "@claudeway/ports";
import { usdOf } from "./money.js";
import { integer, maybeText, type Row, text, tokens, toMs } from "./rows.js";
import type { Sql, Work } from "./sql.js";
import { isEnd } from "./turn-row.js";
import { SLACK_MS, seqAfter } from "./turn-search.js";

const MAX_RANGE_MS = 86_400_000;

/** Times are rounded to within 5 %: in steps of 1 up to 100 ms, then to the middle of ten times as wide steps, and so on. */
const STEPS = [10, 100, 1000, 10_000, 100_000];
const rounded = (ms: string) =>
  `CASE WHEN ${ms} < 100 THEN ${ms} ${STEPS.map((step, index) => {
    const middle = `${ms} / ${step} * ${step} + ${step / 2}`;
    return index === STEPS.length - 1 ? `ELSE ${middle}` : `WHEN ${ms} < ${step * 100} THEN ${middle}`;
  }).join(" ")} END`;

const STARTS: readonly ProcessStart[] = ["live", "prewarmed", "cold"];

/** Ends of turns that ran, and whose times say something. */
const RAN = `"end" IN ('completed', 'failed', 'interrupted', 'timeout')`;
const RANGE = "seq >= ? AND seq < ? AND created_at >= ? AND created_at < ?";

const GROUPS = `SELECT coalesce(answered_by, model) AS model, "end", process, count(*) AS turns,
    sum(input) AS input, sum(output) AS output, sum(cache_read) AS cache_read, sum(cache_write) AS cache_write,
    sum(cost_nano) AS cost_nano, sum(unpriced) AS unpriced
  FROM turns WHERE ${RANGE} GROUP BY 1, 2, 3`;
const histogramOf = (ms: string) =>
  `SELECT ${rounded(ms)} AS ms, count(*) AS turns FROM turns WHERE ${RANGE} AND ${RAN} AND ${ms} IS NOT NULL
   GROUP BY 1 ORDER BY 1`;
const QUEUED = histogramOf("queued_ms");
const FIRST_TOKEN = histogramOf("first_token_ms");
const WHOLE = histogramOf("(queued_ms + duration_ms)");

/** Counts the turns that were begun in a range. Turns are recorded nearly in the order of their times: only theirs are read. */
export function* statisticsOf(sql: Sql, { since, until }: StatisticsRange): Work<TurnStatistics> {
  const [from, to] = [toMs(since), toMs(until)];
  if (to < from || to - from > MAX_RANGE_MS) {
    throw new RangeError(`since must be at most 24 h before until, got ${since} and ${until}`);
  }
  const first = yield* seqAfter(sql, from - SLACK_MS);
  const values = [first, yield* seqAfter(sql, to + SLACK_MS, first), from, to];
  const groups = yield* sql.all(GROUPS, ...values);
  const histogram = function* (statement: string): Work<Histogram> {
    return (yield* sql.all(statement, ...values)).map((row) => [integer(row, "ms"), integer(row, "turns")]);
  };
  return {
    ...summed(groups),
    queuedMs: yield* histogram(QUEUED),
    firstTokenMs: yield* histogram(FIRST_TOKEN),
    wholeMs: yield* histogram(WHOLE),
  };
}

function summed(groups: readonly Row[]): Omit<TurnStatistics, "queuedMs" | "firstTokenMs" | "wholeMs"> {
  const ends: Partial<Record<TurnEnd, number>> = {};
  const processes: Partial<Record<ProcessStart, number>> = {};
  const models = new Map<string, { turns: number; costUsd: number; unpriced: number }>();
  const sum = { turns: 0, open: 0, costUsd: 0, unpriced: 0 };
  const used = { input: 0, output: 0, cache_read: 0, cache_write: 0 };
  for (const row of groups) {
    const turns = integer(row, "turns");
    const costUsd = usdOf(integer(row, "cost_nano"));
    const unpriced = integer(row, "unpriced");
    const model = models.get(text(row, "model")) ?? { turns: 0, costUsd: 0, unpriced: 0 };
    models.set(text(row, "model"), {
      turns: model.turns + turns,
      costUsd: model.costUsd + costUsd,
      unpriced: model.unpriced + unpriced,
    });
    sum.turns += turns;
    sum.costUsd += costUsd;
    sum.unpriced += unpriced;
    const its = tokens(row);
    for (const kind of ["input", "output", "cache_read", "cache_write"] as const) used[kind] += its[kind];
    const end = maybeText(row, "end");
    if (end === undefined) sum.open += turns;
    else if (isEnd(end)) ends[end] = (ends[end] ?? 0) + turns;
    const process = STARTS.find((start) => start === row["process"]);
    if (process !== undefined) processes[process] = (processes[process] ?? 0) + turns;
  }
  const byModel = [...models].map(([model, counted]) => ({ model, ...counted }));
  return { ...sum, ends, processes, tokens: used, byModel };
}
