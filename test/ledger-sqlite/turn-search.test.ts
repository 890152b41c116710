import type { Work } from "@claudeway/ledger";
import type { TurnQuery } from "@claudeway/ports";
import { expect } from "chai";
import { openTables } from "#ledger-sqlite/sqlite-ledger.js";
import {
  newFolder,
  newSession,
  newTurn,
  outcome,
  removeFolders,
  tokens,
  usageOf,
} from "../ledger/fixture.js";

/** More than one statement of a search examines. */
const TURNS = 25_000;
const BEGAN = Date.parse("2026-03-01T00:00:00.000Z");

const at = (no: number) => new Date(BEGAN + no * 1000).toISOString();
const idOf = (no: number) => `00000000-0000-4000-8000-${String(no).padStart(12, "0")}`;

describe("ledger in SQLite: searching many turns", () => {
  let opened: Awaited<ReturnType<typeof openTables>>;

  before(async () => {
    opened = await openTables({ dataDir: newFolder() });
    opened.database.perform(opened.sql.transaction(fill()));
  });
  after(() => {
    opened.close();
    removeFolders();
  });

  function* fill(): Work<void> {
    const { tables } = opened;
    const session = newSession();
    yield* tables.sessions.create(session);
    for (let no = 1; no <= TURNS; no++) {
      const turn = newTurn(session, { id: idOf(no), createdAt: at(no) });
      yield* tables.turns.begin(turn, { epoch: 0 });
      yield* tables.turns.end(turn.id, outcome(turn, usageOf("opus", tokens(1, 1), 1)), { at: at(no + 1) });
    }
  }

  const search = (query: Partial<TurnQuery> = {}) =>
    opened.database.perform(opened.tables.turns.search({ limit: 10, ...query }));

  it("examines a bounded number of turns, and says where to continue", () => {
    const first = search({ text: "nowhere to be found" });
    expect(first.turns).to.deep.equal([]);
    expect(first.before).to.equal(TURNS - 20_000 + 1);
    expect(search({ text: "nowhere to be found", before: first.before }).before).to.equal(undefined);
    expect(search({ keyId: "nobody" })).to.deep.equal({ turns: [], before: undefined });
  });

  it("finds the turns of a time among many", () => {
    const found = search({ since: at(100), until: at(103) });
    expect(found.turns.map(({ id }) => id)).to.deep.equal([102, 101, 100].map(idOf));
  });
});
