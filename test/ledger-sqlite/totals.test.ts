import type { Work } from "@claudeway/ledger";
import type { Ledger } from "@claudeway/ports";
import { expect } from "chai";
import { periodOf } from "#ledger/periods.js";
import { openLedger, openTables } from "#ledger-sqlite/sqlite-ledger.js";
import { Diary } from "./diary.js";
import { newFolder, newSession, newTurn, outcome, removeFolders, tokens, usageOf } from "./fixture.js";
import { recount } from "./recount.js";

describe("ledger: totals", () => {
  afterEach(removeFolders);

  async function runAt(
    ledger: Ledger,
    at: string,
    keyId: string,
    model: string,
    costUsd: number,
  ): Promise<void> {
    const session = newSession({ keyId });
    await ledger.sessions.create(session);
    const turn = newTurn(session, { createdAt: at });
    await ledger.turns.begin(turn);
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
      { keyId: "admin", requests: 1, costUsd: 4 },
      { keyId: "ci", requests: 2, costUsd: 2.5 },
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

  it("name ISO weeks as the calendar does", () => {
    // Years with 53 weeks, and days that belong to the year before or after.
    const weeks = {
      "2020-12-31": "2020-W53",
      "2021-01-03": "2020-W53",
      "2021-01-04": "2021-W01",
      "2022-01-01": "2021-W52",
      "2024-12-29": "2024-W52",
      "2024-12-30": "2025-W01",
      "2026-12-31": "2026-W53",
      "2027-01-03": "2026-W53",
      "2027-01-04": "2027-W01",
      "2026-11-22": "2026-W47",
      "2000-02-29": "2000-W09",
    };
    for (const [day, week] of Object.entries(weeks)) {
      for (const time of ["00:00:00.000", "23:59:59.999"]) {
        expect(periodOf("week", Date.parse(`${day}T${time}Z`)), day).to.equal(week);
      }
    }
  });

  it("don't drift: a tenth of a cent, ten thousand times", async () => {
    const folder = newFolder();
    const { tables, database, sql, close } = await openTables({ dataDir: folder });
    const session = newSession();
    database.perform(tables.sessions.create(session));
    function* manyTurns(): Work<void> {
      for (let i = 0; i < 10_000; i++) {
        const turn = newTurn(session);
        yield* tables.turns.begin(turn);
        yield* tables.turns.end(turn.id, outcome(turn, usageOf("m", tokens(1), 0.001)), {
          at: session.createdAt,
        });
      }
    }
    database.perform(sql.transaction(manyTurns()));
    expect(database.perform(tables.totals.overview()).costUsd).to.equal(10);
    expect(database.perform(tables.sessions.get(session.id))?.totals.costUsd).to.equal(10);
    close();
  });

  for (let seed = 1; seed <= 25; seed++) {
    it(`equal a recount of the turns and a diary kept beside, random sequence ${seed}`, async () => {
      const folder = newFolder();
      let ledger = await openLedger({ dataDir: folder });
      const diary = new Diary(seed);
      for (let step = 0; step < 150; step++) {
        if (diary.random() < 0.01) {
          await ledger.close();
          ledger = await openLedger({ dataDir: folder });
        }
        await diary.step(ledger);
      }
      await diary.compare(ledger);
      await ledger.close();

      const { database, close } = await openTables({ dataDir: folder });
      for (const { what, kept, found } of recount(database)) expect(kept, what).to.deep.equal(found);
      close();
    });
  }
});
