import { expect } from "chai";
import { type Database, ledgerOf, ledgerTables, Sql, type Work } from "#ledger/index.js";
import { QuotaTable } from "#ledger/quota.js";
import type { Row } from "#ledger/rows.js";
import { POSTGRES } from "#ledger-postgres/dialect.js";
import { SQLITE } from "#ledger-sqlite/sqlite-dialect.js";

const NOTHING_USED: readonly Row[] = [{ used: 0, reserved: 0, now: 0 }];

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

  it("has counters locked in one order, in whatever order the database sorts", () => {
    const row = (name: string) => ({
      turn_id: "t",
      plugin: "limits",
      name,
      subject: "ci",
      window: "day",
      measure: "cost",
      amount: 5,
      charged: 0,
      unpriced_period: "2026-11-29",
    });
    // As sorted without regard to capitals.
    const rows = [row("a"), row("B"), row("c")];
    const table = () => new QuotaTable(new Sql(POSTGRES));
    const use = { costNano: 1, tokens: 1, unpriced: false };
    const claims = rows.map(({ name, subject }) => ({
      ...({ name, subject, window: "day", measure: "count" } as const),
      amount: 1,
      limit: 10,
    }));
    const orders = [
      countersOf(table().end("t", use, 0), rows),
      countersOf(table().park("t", use, 0), rows),
      countersOf(table().correct("t", 1), rows),
      countersOf(table().claim("limits", undefined, claims), []),
    ];
    for (const order of orders) expect(order).to.deep.equal(["B", "a", "c"]);
  });
});

/** The names of the counters that the work adds to, in its order. */
function countersOf(work: Work<unknown>, rows: readonly Row[]): unknown[] {
  const names: unknown[] = [];
  for (let step = work.next(); step.done !== true; ) {
    const { sql, values } = step.value;
    if (sql.includes("INTO quota_counters")) names.push(values[1]);
    const found =
      sql.includes("FROM quota_reservations") && !sql.includes("sum(amount)") ? rows : NOTHING_USED;
    step = work.next({ rows: found, changes: 1 });
  }
  return names;
}
