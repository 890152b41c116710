import type { Work } from "@claudeway/ledger";
import { expect } from "chai";
import { openLedger, openTables } from "#ledger-sqlite/sqlite-ledger.js";
import { keepDiary } from "../ledger/diary.js";
import {
  newFolder,
  newSession,
  newTurn,
  outcome,
  removeFolders,
  tokens,
  usageOf,
} from "../ledger/fixture.js";
import { recount } from "./recount.js";

describe("totals in SQLite", () => {
  afterEach(removeFolders);

  it("don't drift: a tenth of a cent, ten thousand times", async () => {
    const folder = newFolder();
    const { tables, database, sql, close } = await openTables({ dataDir: folder });
    const session = newSession();
    database.perform(tables.sessions.create(session));
    function* manyTurns(): Work<void> {
      for (let i = 0; i < 10_000; i++) {
        const turn = newTurn(session);
        yield* tables.turns.begin(turn, { epoch: 0 });
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

  it("equal a recount of the turns, after random sequences", async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const dataDir = newFolder();
      await (await keepDiary(openLedger, dataDir, seed)).close();
      const { database, close } = await openTables({ dataDir });
      for (const { what, kept, found } of recount(database))
        expect(kept, `${what}, ${seed}`).to.deep.equal(found);
      close();
    }
  });
});
