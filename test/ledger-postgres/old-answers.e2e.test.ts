import { readFileSync } from "node:fs";
import { expect } from "chai";
import pg from "pg";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { newSession, newTurn, outcome } from "../ledger/fixture.js";
import { type PostgresServer, startPostgres } from "../postgres.js";
import { usageOfBoth, writeTurns } from "./sharing.js";

describe("old answers in PostgreSQL", () => {
  let server: PostgresServer;

  before(async () => {
    server = await startPostgres();
  });
  after(() => server.close());

  it("are removed by the documented statement, while sums, turns and newer answers stay", async () => {
    const url = await server.urlOf("answers");
    const ledger = await openPostgresLedger({ url, shared: true });
    const session = newSession();
    await ledger.sessions.create(session);
    await writeTurns(ledger, session, 3);
    const turn = newTurn(session, { model: "sonnet" });
    await ledger.turns.begin(turn, { epoch: 0 });
    const usage = usageOfBoth("sonnet");
    await ledger.turns.end(turn.id, outcome(turn, usage), { at: new Date().toISOString() });

    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const removal = /```sql\n(DELETE FROM claudeway\.turn_responses[^`]*)```/.exec(
      readFileSync("docs/operations.md", "utf8"),
    )?.[1];
    expect((await client.query(removal ?? "")).rowCount).to.equal(3);
    expect((await client.query(removal ?? "")).rowCount).to.equal(0);
    await client.end();

    const { turns } = await ledger.turns.listBySession(session.id, { page: 1, limit: 10 });
    const answers = await Promise.all(turns.map(({ id }) => ledger.turns.response(id)));
    expect(answers.map((answer) => answer?.result)).to.deep.equal(["done", undefined, undefined, undefined]);
    const { requests, byModel } = await ledger.totals.overview();
    expect([requests, byModel.length]).to.deep.equal([4, 2]);
    await ledger.close();
  });
});
