import type { Histogram, Ledger, TurnEnd } from "@claudeway/ports";
import { expect } from "chai";
import {
  newFolder,
  newSession,
  newTurn,
  outcome,
  rejection,
  removeFolders,
  seeded,
  tokens,
  usageOf,
} from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const HOUR_MS = 3_600_000;
const BEGAN = Date.parse("2026-03-01T00:00:00.000Z");
const TURNS = 300;
const ENDS: readonly TurnEnd[] = ["completed", "completed", "failed", "refused", "timeout", "lost"];

interface Filled {
  readonly hour: number;
  readonly end: TurnEnd | undefined;
  readonly queuedMs: number;
  readonly durationMs: number;
  readonly firstTokenMs: number | undefined;
  readonly model: string;
}

/** The value below which a share of a histogram is. */
function quantile(histogram: Histogram, share: number): number {
  const all = histogram.reduce((sum, [, turns]) => sum + turns, 0);
  let seen = 0;
  for (const [ms, turns] of histogram) {
    seen += turns;
    if (seen >= share * all) return ms;
  }
  return 0;
}

export function turnStatisticsContract(openLedger: OpenLedger): void {
  describe("statistics of turns", () => {
    let ledger: Ledger;
    const filled: Filled[] = [];

    before(async () => {
      ledger = await openLedger({ dataDir: newFolder() });
      const session = newSession();
      await ledger.sessions.create(session);
      const random = seeded(7);
      for (let no = 0; no < TURNS; no++) {
        const hour = Math.floor(no / 100);
        const createdAt = new Date(BEGAN + hour * HOUR_MS + (no % 100) * 30_000).toISOString();
        const turn = newTurn(session, { createdAt, model: "sonnet" });
        await ledger.turns.begin(turn, { epoch: 0 });
        const end = no === TURNS - 1 ? undefined : ENDS[no % ENDS.length];
        const model = no % 2 === 0 ? "haiku" : "opus";
        const one = {
          hour,
          end,
          model: end === undefined ? "sonnet" : model,
          queuedMs: Math.floor(random() * 200),
          durationMs: Math.floor(10 ** (random() * 6)),
          firstTokenMs: no % 3 === 0 ? undefined : Math.floor(random() * 5000),
        };
        filled.push(one);
        if (end === undefined) continue;
        const process = no % 3 === 0 ? undefined : no % 3 === 1 ? ("live" as const) : ("cold" as const);
        const usage = usageOf(model, tokens(1, 2, 3, 4), 0.001);
        await ledger.turns.end(turn.id, outcome(turn, usage, { ...one, end, process }), { at: createdAt });
      }
    });
    after(async () => {
      await ledger.close();
      removeFolders();
    });

    const hour = (no: number, hours = 1) =>
      ledger.turns.statistics({
        since: new Date(BEGAN + no * HOUR_MS).toISOString(),
        until: new Date(BEGAN + (no + hours) * HOUR_MS).toISOString(),
      });

    it("counts the turns of a range by end, process and model, with their tokens and cost", async () => {
      for (const no of [0, 1, 2]) {
        const found = await hour(no);
        const own = filled.filter((one) => one.hour === no);
        expect(found.turns).to.equal(100);
        expect(found.open).to.equal(no === 2 ? 1 : 0);
        for (const end of new Set(ENDS))
          expect(found.ends[end], end).to.equal(own.filter((one) => one.end === end).length);
        expect((found.processes.live ?? 0) + (found.processes.cold ?? 0)).to.be.within(65, 67);
        const ended = 100 - found.open;
        expect(found.tokens).to.deep.equal(tokens(ended, 2 * ended, 3 * ended, 4 * ended));
        expect(found.costUsd).to.be.closeTo(ended / 1000, 1e-9);
        const models = Object.fromEntries(found.byModel.map(({ model, turns }) => [model, turns]));
        for (const model of ["haiku", "opus", "sonnet"])
          expect(models[model] ?? 0, model).to.equal(own.filter((one) => one.model === model).length);
      }
    });

    it("reports the times of turns that ran, each to within 5 %", async () => {
      const found = await hour(0, 3);
      const ran = filled.filter(({ end }) => end === "completed" || end === "failed" || end === "timeout");
      const times = {
        queuedMs: ran.map(({ queuedMs }) => queuedMs),
        firstTokenMs: ran.flatMap(({ firstTokenMs }) => firstTokenMs ?? []),
        wholeMs: ran.map(({ queuedMs, durationMs }) => queuedMs + durationMs),
      };
      for (const [name, values] of Object.entries(times)) {
        const histogram = found[name as keyof typeof times];
        expect(
          histogram.reduce((sum, [, turns]) => sum + turns, 0),
          name,
        ).to.equal(values.length);
        const sorted = values.toSorted((a, b) => a - b);
        for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
          const exact = sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
          expect(quantile(histogram, share), `${name} ${share}`).to.be.closeTo(exact, exact * 0.051);
        }
      }
    });

    it("adds up over parts of a range, has nothing outside of it, and refuses more than a day", async () => {
      const parts = await Promise.all([hour(0), hour(1), hour(2)]);
      const all = await hour(0, 24);
      expect(parts.reduce((sum, { turns }) => sum + turns, 0)).to.equal(all.turns);
      expect(await hour(-5, 5)).to.deep.include({ turns: 0, open: 0, byModel: [], wholeMs: [] });
      expect((await hour(3)).turns).to.equal(0);
      expect((await rejection(hour(0, 25))).message).to.include("at most 24 h");
      expect((await rejection(hour(0, -1))).message).to.include("at most 24 h");
    });
  });
}
