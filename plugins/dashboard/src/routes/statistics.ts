import type { TurnStatistics } from "@claudeway/core";
import type Router from "@koa/router";
import { oneOf } from "../query.js";
import { merged, NOTHING, percentilesOf } from "../statistics/counts.js";
import { DAY_MS, HOUR_MS, type StatisticsHistory } from "../statistics/history.js";
import { costOf } from "./views.js";

interface Range {
  readonly lengthMs: number;
  readonly parts: number;
  /** Characters of a time that name its period. */
  readonly name: number;
}

export const RANGES = ["24h", "7d", "30d", "90d", "12m"] as const;
export type RangeName = (typeof RANGES)[number];

const SHAPES: Readonly<Record<RangeName, Range>> = {
  "24h": { lengthMs: HOUR_MS, parts: 24, name: "2026-03-12T10".length },
  "7d": { lengthMs: DAY_MS, parts: 7, name: "2026-03-12".length },
  "30d": { lengthMs: DAY_MS, parts: 30, name: "2026-03-12".length },
  "90d": { lengthMs: DAY_MS, parts: 90, name: "2026-03-12".length },
  "12m": { lengthMs: DAY_MS, parts: 0, name: "2026-03".length },
};
/** How long an answer waits for counts that are not known yet. */
const PATIENCE_MS = 300;

/** `GET /statistics`: what became of the turns of a range, by hour, day or month. */
export function statisticsRoutes(router: Router, history: StatisticsHistory): void {
  router.get("/statistics", async (ctx) => {
    ctx.body = await statisticsOf(oneOf(ctx, "range", RANGES) ?? "30d", history);
  });
}

async function statisticsOf(range: RangeName, history: StatisticsHistory) {
  const { lengthMs, name } = SHAPES[range];
  const starts = startsOf(range, Date.now());
  const counts = await history.read(starts, lengthMs, PATIENCE_MS);
  const periods = new Map<string, TurnStatistics[]>();
  for (const [index, start] of starts.entries()) {
    const period = new Date(start).toISOString().slice(0, name);
    periods.set(period, [...(periods.get(period) ?? []), counts[index] ?? NOTHING]);
  }
  const total = merged(counts.flatMap((counted) => counted ?? []));
  return {
    range,
    /** Hours or days that are still being counted. */
    missing: counts.filter((counted) => counted === undefined).length,
    periods: [...periods].map(([period, parts]) => periodView(period, merged(parts))),
    requests: total.turns,
    open: total.open,
    ends: total.ends,
    processes: total.processes,
    tokens: total.tokens,
    cost_usd: costOf(total),
    cost_unpriced_turns: total.unpriced,
    latency: {
      queued: percentilesOf(total.queuedMs),
      first_token: percentilesOf(total.firstTokenMs),
      whole: percentilesOf(total.wholeMs),
    },
  };
}

export type Statistics = Awaited<ReturnType<typeof statisticsOf>>;

/** The hours or days up to now, oldest first; twelve months are those of the calendar, the current one included. */
function startsOf(range: RangeName, now: number): number[] {
  const { lengthMs, parts } = SHAPES[range];
  const last = Math.floor(now / lengthMs) * lengthMs;
  const today = new Date(now);
  const first =
    range === "12m"
      ? Date.UTC(today.getUTCFullYear(), today.getUTCMonth() - 11, 1)
      : last - (parts - 1) * lengthMs;
  return Array.from({ length: (last - first) / lengthMs + 1 }, (_, index) => first + index * lengthMs);
}

function periodView(period: string, counted: TurnStatistics) {
  const { turns, open, ends, byModel, wholeMs } = counted;
  return {
    period,
    requests: turns,
    open,
    ends,
    cost_usd: costOf(counted),
    by_model: byModel.map((row) => ({ model: row.model, requests: row.turns, cost_usd: costOf(row) })),
    whole: percentilesOf(wholeMs),
  };
}
