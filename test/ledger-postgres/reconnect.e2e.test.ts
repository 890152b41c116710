import { randomUUID } from "node:crypto";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import pg from "pg";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { eventually } from "../e2e/poll.js";
import { newSession, rejection } from "../ledger/fixture.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

const ENDED =
  "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'claudeway'";

/** Of a database and its owner, who have one name. */
type Change = (name: string) => string;

/** What operators do while a gateway runs, and how they undo it. `inside`: in the database, as its owner. */
const REFUSALS: readonly {
  readonly name: string;
  readonly inside?: true;
  readonly begin: Change;
  readonly end: Change;
}[] = [
  {
    name: "the role may not log in",
    begin: (role) => `ALTER ROLE ${role} NOLOGIN`,
    end: (role) => `ALTER ROLE ${role} LOGIN`,
  },
  {
    name: "the database accepts no connections",
    begin: (database) => `ALTER DATABASE ${database} ALLOW_CONNECTIONS false`,
    end: (database) => `ALTER DATABASE ${database} ALLOW_CONNECTIONS true`,
  },
  {
    name: "the database is missing",
    begin: (database) => `ALTER DATABASE ${database} RENAME TO away`,
    end: (database) => `ALTER DATABASE away RENAME TO ${database}`,
  },
  {
    name: "the tables are missing",
    inside: true,
    begin: () => "ALTER SCHEMA claudeway RENAME TO away",
    end: () => "ALTER SCHEMA away RENAME TO claudeway",
  },
  {
    name: "the tables have no rows yet",
    inside: true,
    begin: () =>
      "ALTER TABLE claudeway.ledger RENAME TO away; CREATE TABLE claudeway.ledger (LIKE claudeway.away)",
    end: () => "DROP TABLE claudeway.ledger; ALTER TABLE claudeway.away RENAME TO ledger",
  },
];

describe("a ledger in PostgreSQL that lost its connection", () => {
  let server: PostgresServer;
  let own: string;
  let url: string;

  before(async () => {
    server = await startPostgres();
  });
  after(() => server.close());
  beforeEach(async () => {
    const name = randomUUID();
    own = pg.escapeIdentifier(name);
    url = (await server.urlOf(name)).replace("claudeway@", `${name}@`);
    await query(await server.urlOf(name), `CREATE ROLE ${own} LOGIN; ALTER DATABASE ${own} OWNER TO ${own}`);
  });

  for (const { name, inside, begin, end } of REFUSALS) {
    it(`may be called again while ${name}, and goes on after it`, () =>
      goesOn({ url }, inside === undefined ? undefined : url, begin, end));
    if (inside === undefined)
      it(`does so in a cluster, too, while ${name}`, () =>
        goesOn({ url, shared: true, repeatMs: 0 }, undefined, begin, end));
  }

  /** @param inside where the changes are made; default: in another database */
  async function goesOn(
    options: Parameters<typeof openPostgresLedger>[0],
    inside: string | undefined,
    begin: Change,
    end: Change,
  ): Promise<void> {
    const elsewhere = await server.urlOf("postgres");
    const ledger = await openPostgresLedger(options);
    const session = newSession();
    await ledger.sessions.create(session);
    await query(elsewhere, ENDED);
    await query(inside ?? elsewhere, begin(own));
    const update = () => ledger.sessions.update(session.id, { title: "x" });
    // The first calls may meet the end of the connection instead.
    const refused = await eventually("a refused connection", async () => {
      const error = await rejection(update());
      return /lost its connection|terminating connection|terminated/.test(error.message) ? undefined : error;
    });
    expect(refused).to.be.instanceOf(LedgerError).and.include({ mayPass: true });
    await query(inside ?? elsewhere, end(own));
    await eventually("the update", async () => {
      try {
        return await update().then(() => true);
      } catch (error) {
        expect(error).to.be.instanceOf(LedgerError).and.include({ mayPass: true });
        return false;
      }
    });
    expect((await ledger.sessions.get(session.id))?.title).to.equal("x");
    await ledger.close();
  }
});

async function query(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}
