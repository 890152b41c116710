import { expect } from "chai";
import { type Database, ledgerOf, ledgerTables, Sql } from "#ledger/index.js";
import { SQLITE } from "#ledger-sqlite/sqlite-dialect.js";

describe("the order of a ledger's work", () => {
  it("has a session freed after what was called for before it is written", async () => {
    const orders: (string | undefined)[] = [];
    const database: Database = {
      afterCrash: false,
      perform: (_work, order) => {
        orders.push(order);
        return new Promise(() => undefined);
      },
      check: async () => undefined,
      close: async () => undefined,
    };
    const ledger = ledgerOf(ledgerTables(new Sql(SQLITE)), database);
    void ledger.sessions.setCliTotals("s", { bases: [] }, { epoch: 1 });
    void ledger.nodes.release({ node: "a", incarnation: 1 }, "s", 1);
    expect(orders).to.deep.equal(["s", "s"]);
  });
});
