import type { Ledger } from "@claudeway/ports";
import { expect } from "chai";
import { keepDiary } from "./diary.js";
import { newFolder, newSession, newTurn, outcome, removeFolders, tokens, usageOf } from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

export function totalsContract(openLedger: OpenLedger): void {
  describe("totals", () => {
    afterEach(removeFolders);

    async function runAt(
      ledger: Ledger,
      at: string,
      keyId: string,
      model: string,
      costUsd: number | null,
    ): Promise<void> {
      const session = newSession({ keyId });
      await ledger.sessions.create(session);
      const turn = newTurn(session, { createdAt: at });
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.turns.end(turn.id, outcome(turn, usageOf(model, tokens(1), costUsd)), { at });
    }

    it("are empty at first", async () => {
      const ledger = await openLedger({ dataDir: newFolder() });
      const nothing = { tokens: tokens(), costUsd: 0, estimated: 0, unpriced: 0 };
      expect(await ledger.totals.overview()).to.deep.equal({ requests: 0, ...nothing, byModel: [] });
      expect(await ledger.totals.byKey()).to.deep.equal([]);
      for (const groupBy of ["daily", "weekly", "monthly"] as const) {
        expect(await ledger.totals.costs(groupBy)).to.deep.equal([]);
      }
      await ledger.close();
    });

    it("are grouped by UTC day, ISO week and month, by model and by key, the dearest first", async () => {
      const ledger = await openLedger({ dataDir: newFolder() });
      await runAt(ledger, "2025-12-28T23:59:59.999Z", "ci", "m", 1);
      await runAt(ledger, "2025-12-29T00:00:00.000Z", "ci", "m", 2);
      await runAt(ledger, "2025-12-31T23:59:59.999Z", "admin", "n", 4);
      await runAt(ledger, "2026-01-01T00:00:00.000Z", "ci", "m", 0.5);
      const brief = async (groupBy: "daily" | "weekly" | "monthly", limit?: number) =>
        (await ledger.totals.costs(groupBy, limit)).map(({ period, requests, costUsd }) => [
          period,
          requests,
          costUsd,
        ]);
      expect(await brief("daily")).to.deep.equal([
        ["2025-12-28", 1, 1],
        ["2025-12-29", 1, 2],
        ["2025-12-31", 1, 4],
        ["2026-01-01", 1, 0.5],
      ]);
      expect(await brief("daily", 2)).to.deep.equal([
        ["2025-12-31", 1, 4],
        ["2026-01-01", 1, 0.5],
      ]);
      expect(await brief("weekly")).to.deep.equal([
        ["2025-W52", 1, 1],
        ["2026-W01", 3, 6.5],
      ]);
      expect(await brief("monthly")).to.deep.equal([
        ["2025-12", 3, 7],
        ["2026-01", 1, 0.5],
      ]);
      const [, week] = await ledger.totals.costs("weekly");
      expect(week?.byKey).to.deep.equal([
        { keyId: "admin", requests: 1, costUsd: 4, unpriced: 0 },
        { keyId: "ci", requests: 2, costUsd: 2.5, unpriced: 0 },
      ]);
      expect(week?.byModel.map(({ model, requests, costUsd }) => [model, requests, costUsd])).to.deep.equal([
        ["n", 1, 4],
        ["m", 2, 2.5],
      ]);
      expect(
        (await ledger.totals.byKey()).map(({ keyId, requests, costUsd, lastUsed }) => [
          keyId,
          requests,
          costUsd,
          lastUsed,
        ]),
      ).to.deep.equal([
        ["admin", 1, 4, "2025-12-31T23:59:59.999Z"],
        ["ci", 3, 3.5, "2026-01-01T00:00:00.000Z"],
      ]);
      await ledger.close();
    });

    it("say of keys, too, how many turns they leave out", async () => {
      const ledger = await openLedger({ dataDir: newFolder() });
      await runAt(ledger, "2026-01-01T00:00:00.000Z", "ci", "odd", null);
      await runAt(ledger, "2026-01-01T00:01:00.000Z", "admin", "odd", null);
      await runAt(ledger, "2026-01-01T00:02:00.000Z", "admin", "m", 1);
      const [day] = await ledger.totals.costs("daily");
      expect(day?.byKey).to.deep.equal([
        { keyId: "admin", requests: 2, costUsd: 1, unpriced: 1 },
        { keyId: "ci", requests: 1, costUsd: 0, unpriced: 1 },
      ]);
      const range = { since: "2026-01-01T00:00:00.000Z", until: "2026-01-01T01:00:00.000Z" };
      const { costUsd, unpriced, byModel } = await ledger.turns.statistics(range);
      expect({ costUsd, unpriced }).to.deep.equal({ costUsd: 1, unpriced: 2 });
      expect(byModel).to.have.deep.members([
        { model: "odd", turns: 2, costUsd: 0, unpriced: 2 },
        { model: "m", turns: 1, costUsd: 1, unpriced: 0 },
      ]);
      await ledger.close();
    });

    for (let seed = 1; seed <= 25; seed++) {
      it(`equal a diary kept beside, random sequence ${seed}`, async () => {
        const dataDir = newFolder();
        await (await keepDiary(openLedger, dataDir, seed)).close();
      });
    }
  });
}
