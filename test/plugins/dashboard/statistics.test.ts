import type { PluginStore, StatisticsRange, TurnStatistics } from "@claudeway/core";
import { expect } from "chai";
import { merged, NOTHING, percentilesOf } from "#plugins/dashboard/statistics/counts.js";
import { DAY_MS, HOUR_MS, StatisticsHistory } from "#plugins/dashboard/statistics/history.js";
import { eventually } from "../../e2e/poll.js";

const TODAY = Math.floor(Date.now() / DAY_MS) * DAY_MS;

/** A ledger with one turn in each hour of some days, and a store; both note what they are asked. */
function partsOf(days: readonly number[], open: (hour: number) => number = () => 0) {
  const counted: number[] = [];
  const stored = new Map<string, unknown>();
  const isFilled = (ms: number) => days.includes(Math.floor(ms / DAY_MS) * DAY_MS);
  const turnsIn = (since = "") => (isFilled(Date.parse(since)) ? [{}] : []);
  return {
    counted,
    stored,
    parts: {
      ledger: {
        async statistics({ since }: StatisticsRange): Promise<TurnStatistics> {
          const start = Date.parse(since);
          counted.push(start);
          if (!isFilled(start)) return NOTHING;
          return { ...NOTHING, turns: 1, open: open(start), wholeMs: [[100, 1]] };
        },
        turns: async ({ since }: { readonly since?: string | undefined }) => ({
          turns: turnsIn(since) as never[],
          before: undefined,
        }),
      },
      store: {
        get: async (key: string) => {
          const value = stored.get(key);
          return value === undefined ? undefined : { key, value, version: 1, expiresAt: undefined };
        },
        set: async (key: string, value: unknown) => {
          stored.set(key, value);
          return { ok: true as const, versions: [1] };
        },
      } satisfies Pick<PluginStore, "get" | "set">,
      log: { warn: (fields: unknown) => expect.fail(JSON.stringify(fields)) },
    },
  };
}

describe("dashboard: statistics of turns", () => {
  const days = [TODAY - 3 * DAY_MS, TODAY - 2 * DAY_MS];
  const starts = Array.from({ length: 30 }, (_, no) => TODAY - (29 - no) * DAY_MS);
  const sum = (counts: readonly (TurnStatistics | undefined)[]) =>
    merged(counts.flatMap((one) => one ?? [])).turns;

  it("counts each hour of a past day once, none of an empty day, and keeps days over restarts", async () => {
    const { parts, counted, stored } = partsOf(days);
    const history = new StatisticsHistory(parts);
    const counts = await history.read(starts, DAY_MS, 10_000);
    expect(counts.every((one) => one !== undefined)).to.equal(true);
    expect(sum(counts)).to.equal(48);
    const past = counted.filter((start) => start < TODAY - DAY_MS);
    expect(past).to.have.length(48);
    expect(new Set(past).size).to.equal(48);
    expect([...stored.keys()]).to.have.length(2);
    const before = counted.length;
    expect(sum(await history.read(starts, DAY_MS, 10_000))).to.equal(48);
    expect(counted.length - before, "only hours of today may be counted again").to.be.at.most(24);

    const again = new StatisticsHistory(parts);
    counted.length = 0;
    expect(sum(await again.read(starts, DAY_MS, 10_000))).to.equal(48);
    expect(counted.filter((start) => start < TODAY - DAY_MS)).to.deep.equal([]);
  });

  it("does not keep a day with a turn that has not ended", async () => {
    const parked = (days[0] ?? 0) + 5 * HOUR_MS;
    const { parts, stored } = partsOf(days, (hour) => (hour === parked ? 1 : 0));
    expect(sum(await new StatisticsHistory(parts).read(starts, DAY_MS, 10_000))).to.equal(48);
    expect([...stored.keys()]).to.have.length(1);
  });

  it("answers without what is not counted yet, latest first, and counts on", async () => {
    const { parts, counted } = partsOf(days);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { statistics } = parts.ledger;
    parts.ledger.statistics = async (range) => {
      if (counted.length >= 30) await held;
      return statistics(range);
    };
    const history = new StatisticsHistory(parts);
    const first = await eventually("today's counts", async () => {
      const read = await history.read(starts, DAY_MS, 50);
      return read.at(-1) !== undefined && read;
    });
    expect(first[0], "the oldest").to.equal(undefined);
    release();
    expect(sum(await history.read(starts, DAY_MS, 10_000))).to.equal(48);
  });

  it("counts a value that another version stored again", async () => {
    const { parts, stored } = partsOf(days);
    stored.set(`statistics-1/${new Date(days[0] ?? 0).toISOString().slice(0, 10)}`, { turns: 7 });
    expect(sum(await new StatisticsHistory(parts).read(starts, DAY_MS, 10_000))).to.equal(48);
  });

  it("counts nothing once it is closed", async () => {
    const { parts, counted } = partsOf(days);
    const history = new StatisticsHistory(parts);
    history.close();
    await history.read(starts, DAY_MS, 50);
    expect(counted).to.deep.equal([]);
  });

  it("adds up parts, and computes percentiles", () => {
    const one: TurnStatistics = {
      ...NOTHING,
      turns: 2,
      ends: { completed: 2 },
      wholeMs: [
        [10, 1],
        [20, 1],
      ],
    };
    const other: TurnStatistics = {
      ...NOTHING,
      turns: 98,
      ends: { failed: 98 },
      wholeMs: [
        [20, 94],
        [900, 4],
      ],
    };
    const all = merged([one, other]);
    expect(all).to.deep.include({ turns: 100, ends: { completed: 2, failed: 98 } });
    expect(percentilesOf(all.wholeMs)).to.deep.equal({ turns: 100, p50: 20, p95: 20, p99: 900 });
    expect(percentilesOf([])).to.equal(null);
    expect(merged([])).to.deep.equal(NOTHING);
  });
});
