import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import pg from "pg";
import { findPostgres } from "#ledger-postgres/find-postgres.js";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { rejection } from "../ledger/fixture.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

describe("a look at a ledger in PostgreSQL", () => {
  let server: PostgresServer;
  let url: string;

  before(async () => {
    server = await startPostgres();
  });
  after(() => server.close());
  beforeEach(async () => {
    url = await server.urlOf(randomUUID());
  });

  async function query(sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }
  const place = () => `127.0.0.1:${server.port}/${new URL(url).pathname.slice(1)}`;

  it("makes no tables", async () => {
    expect(await findPostgres(url, "alone")).to.match(/^PostgreSQL \d+\.\S+ at \S+$/);
    expect((await query("SELECT to_regnamespace('claudeway') AS found")).rows).to.deep.equal([
      { found: null },
    ]);
  });

  it("says which gateways use it, and nothing of those that use another database", async () => {
    const alone = await openPostgresLedger({ url });
    for (const use of ["alone", "shared"] as const)
      expect(await findPostgres(url, use)).to.match(/ at \S+, in use by a gateway$/);
    expect(await findPostgres(await server.urlOf(randomUUID()), "alone")).to.match(/ at \S+$/);
    await alone.close();
    const shared = await openPostgresLedger({ url, shared: true });
    await shared.checkFile();
    for (const use of ["alone", "shared"] as const)
      expect(await findPostgres(url, use)).to.match(/ at \S+, in use by a cluster$/);
    await shared.close();
  });

  it("refuses tables that a newer version has changed, not those that it only added to", async () => {
    await (await openPostgresLedger({ url })).close();
    await query("UPDATE claudeway.ledger SET version = 99");
    expect(await findPostgres(url, "alone")).to.match(/ at \S+$/);
    await query("UPDATE claudeway.ledger SET needs = 99");
    const before = (await query("SELECT * FROM claudeway.ledger")).rows;
    const { message } = await rejection(findPostgres(url, "alone"));
    expect(message).to.match(
      /^ledger \S+ was written by a newer Claudeway \(version 99; this one supports up to \d+\): upgrade$/,
    );
    expect(message).to.equal((await rejection(openPostgresLedger({ url }))).message);
    expect((await query("SELECT * FROM claudeway.ledger")).rows).to.deep.equal(before);
  });

  it("refuses a server that is too old for a cluster, and says so of one for a gateway alone", async () => {
    const { database } = new pg.Client({ connectionString: url });
    await query(`CREATE SCHEMA old; CREATE FUNCTION old.current_setting(name text) RETURNS text LANGUAGE sql AS
      $$ SELECT CASE name WHEN 'server_version_num' THEN '140012' ELSE '14.12 (Debian)' END $$`);
    await query(`ALTER DATABASE "${database}" SET search_path = old, pg_catalog`);
    const { message } = await rejection(findPostgres(url, "shared"));
    expect(message).to.equal(`ledger ${place()} must be on PostgreSQL 15 or later, got 14`);
    expect(await findPostgres(url, "alone")).to.equal(
      `PostgreSQL 14.12 at ${place()}; versions before 15 are not tested`,
    );
  });

  it("refuses a standby", async () => {
    const { rows } = await query("SHOW data_directory");
    await server.kill();
    writeFileSync(join(String(rows[0].data_directory), "standby.signal"), "");
    await server.start();
    expect((await rejection(findPostgres(url, "alone"))).message).to.equal(
      `ledger ${place()} is a standby, which cannot be written`,
    );
    await query("SELECT pg_promote()");
  });
});
