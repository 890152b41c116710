import type { NewTurn } from "@claudeway/ports";
import { expect } from "chai";
import { type OpenedTables, openTables } from "#ledger-sqlite/sqlite-ledger.js";
import {
  NOON,
  newFolder,
  newSession,
  newTurn,
  outcome,
  removeFolders,
  tokens,
  usageOf,
} from "../ledger/fixture.js";

const COST = { name: "cost", subject: "all", window: "all", measure: "cost" } as const;

describe("ledger: prices, where the end of a turn fails midway", () => {
  let opened: OpenedTables;
  const session = newSession();
  beforeEach(async () => {
    opened = await openTables({ dataDir: newFolder() });
    opened.database.perform(opened.tables.sessions.create(session));
  });
  afterEach(() => {
    opened.close();
    removeFolders();
  });

  function begin(): NewTurn {
    const turn = newTurn(session);
    opened.database.perform(opened.tables.turns.begin(turn, { epoch: 0 }));
    return turn;
  }
  function end(turn: NewTurn, costUsd: number | null): readonly string[] {
    const { database, tables } = opened;
    const ended = outcome(turn, usageOf("new", tokens(1000), costUsd));
    database.perform(tables.turns.end(turn.id, ended, { at: NOON }));
    return tables.turns.takePriced(turn.id).map(([{ id }]) => id);
  }
  /** The end of a turn that is rolled back after its price was learned. */
  function endInVain(turn: NewTurn): void {
    opened.database.exec(
      "CREATE TRIGGER failing BEFORE INSERT ON totals BEGIN SELECT raise(ABORT, 'full'); END",
    );
    expect(() => end(turn, 0.003)).to.throw("full");
    opened.database.exec("DROP TRIGGER failing");
  }

  /** A turn that ended without a price, and counts as what was reserved for it. */
  function endUnpriced(): NewTurn {
    const { database, tables } = opened;
    const turn = begin();
    database.perform(tables.quota.claim("p", turn.id, [{ ...COST, limit: 1, amount: 0.5 }]));
    expect(end(turn, null)).to.deep.equal([]);
    expect(used()).to.equal(0.5);
    return turn;
  }
  const used = () => opened.database.perform(opened.tables.quota.read("p", [COST]))[0]?.used;

  it("are learned when it is repeated", () => {
    const waiting = endUnpriced();
    const first = begin();
    endInVain(first);
    expect(end(first, 0.003)).to.deep.equal([waiting.id]);
    expect(used()).to.equal(0.003);
    expect(end(begin(), 0.003)).to.deep.equal([]);
  });

  it("are learned and reported once if another turn ends before it is repeated", () => {
    const waiting = endUnpriced();
    const first = begin();
    endInVain(first);
    expect(end(begin(), 0.003)).to.deep.equal([waiting.id]);
    expect(end(first, 0.003)).to.deep.equal([]);
    expect(used()).to.equal(0.003);
  });
});
