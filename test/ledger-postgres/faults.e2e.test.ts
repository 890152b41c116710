import { randomUUID } from "node:crypto";
import { type Ledger, LedgerError, toGatewayError } from "@claudeway/ports";
import { expect } from "chai";
import pg from "pg";
import { openPostgresCopy, openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { eventually } from "../e2e/poll.js";
import { newSession, newTurn, outcome, rejection, seeded, tokens, usageOf } from "../ledger/fixture.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

describe("a ledger in PostgreSQL", () => {
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
  const endSessions = () =>
    query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted");

  it("is open in one gateway at a time, and names itself without the password", async () => {
    const ledger = await openPostgresLedger({ url });
    expect(ledger.afterCrash).to.equal(false);
    const refused = await rejection(
      openPostgresLedger({ url: url.replace("claudeway@", "claudeway:s3cret@") }),
    );
    expect(refused).to.be.instanceOf(LedgerError);
    expect(refused.message).to.equal(
      `ledger 127.0.0.1:${server.port}/${new URL(url).pathname.slice(1)} is in use by another gateway`,
    );
    await ledger.close();
    await (await openPostgresLedger({ url })).close();
  });

  it("names the host of a server that does not answer, and no password of a URL that cannot be read", async () => {
    const unreachable = await rejection(openPostgresLedger({ url: "postgres://me:s3cret@127.0.0.1:1/db" }));
    expect(unreachable.message).to.match(
      /^ledger 127\.0\.0\.1:1\/db cannot be reached \(PostgreSQL: .*ECONNREFUSED/,
    );
    const invalid = await rejection(openPostgresLedger({ url: "postgres://me:s3cret@host:port/db" }));
    for (const error of [unreachable, invalid]) expect(String(error)).to.not.include("s3cret");
  });

  it("works with tables of a newer version that only added to them, and copies none of them", async () => {
    await (await openPostgresLedger({ url })).close();
    await query("UPDATE claudeway.ledger SET version = 99");
    const ledger = await openPostgresLedger({ url });
    await ledger.sessions.create(newSession());
    await ledger.close();
    expect((await query("SELECT version::int FROM claudeway.ledger")).rows).to.deep.equal([{ version: 99 }]);
    const refused = await rejection(openPostgresCopy({ url }));
    expect(refused.message).to.match(/was written by a newer Claudeway: copy it with that version$/);
  });

  it("refuses tables of a newer version that took away what this one uses", async () => {
    await (await openPostgresLedger({ url })).close();
    await query("UPDATE claudeway.ledger SET version = 99, needs = 99");
    const refused = await rejection(openPostgresLedger({ url }));
    expect(refused.message).to.include("was written by a newer Claudeway (version 99;");
  });

  it("tells a crash from a clean end", async () => {
    await openPostgresLedger({ url });
    await endSessions();
    const next = await eventually("the lock is free", () =>
      openPostgresLedger({ url }).catch(() => undefined),
    );
    expect(next.afterCrash).to.equal(true);
    await next.close();
    const last = await openPostgresLedger({ url });
    expect(last.afterCrash).to.equal(false);
    await last.close();
  });

  it("connects again after its connection was ended, and goes on", async () => {
    const ledger = await openPostgresLedger({ url });
    const session = newSession();
    await ledger.sessions.create(session);
    await endSessions();
    const found = await eventually("the session", () =>
      ledger.sessions.get(session.id).catch(() => undefined),
    );
    expect(found.id).to.equal(session.id);
    await ledger.close();
  });

  it("is not written any more by a gateway that lost it to another one", async () => {
    const first = await openPostgresLedger({ url });
    const session = newSession();
    await first.sessions.create(session);
    await endSessions();
    const second = await eventually("the lock is free", () =>
      openPostgresLedger({ url }).catch(() => undefined),
    );
    expect((await rejection(first.sessions.update(session.id, { title: "x" }))).message).to.include("in use");
    await second.close();
    const lost = await eventually("that it was opened", async () => {
      const { message } = await rejection(first.sessions.get(session.id));
      return message.includes("was opened by another gateway while the connection was lost")
        ? message
        : undefined;
    });
    expect(lost).to.include("restart this one");
    const unchecked = await rejection(first.checkFile());
    expect(unchecked.message).to.include("was opened by another gateway");
    expect(unchecked).to.include({
      shown: "the ledger was opened by another gateway; no new turn begins until this one is restarted",
    });
    await first.close().catch(() => undefined);
  });

  it("refuses a character that PostgreSQL cannot store, by name, and goes on", async () => {
    const ledger = await openPostgresLedger({ url });
    const refused = await rejection(ledger.sessions.create(newSession({ systemPrompt: "a\u0000b" })));
    expect(refused.message).to.include("cannot store the character U+0000");
    await ledger.sessions.create(newSession({ systemPrompt: "a\u{10ffff}b" }));
    expect((await ledger.sessions.list({ page: 1, limit: 1 })).total).to.equal(1);
    await ledger.close();
  });

  it("tells clients that its server's disk is full", async () => {
    const ledger = await openPostgresLedger({ url });
    await query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END $$`);
    await query("CREATE TRIGGER full_disk BEFORE INSERT ON claudeway.sessions EXECUTE FUNCTION full_disk()");
    const shown = toGatewayError(await rejection(ledger.sessions.create(newSession())));
    expect(shown).to.include({
      code: "UNAVAILABLE",
      message: "the ledger cannot be written: the disk is full",
    });
    await ledger.close();
  });

  it("records each turn once, to the nanodollar, while the server is killed at 20 random moments", async () => {
    const random = seeded(7);
    const ledger = await openPostgresLedger({ url });
    const session = newSession();
    await ledger.sessions.create(session);
    let stop = false;
    let turns = 0;
    const write = async (): Promise<void> => {
      while (!stop) {
        await runTurn(ledger, session);
        turns += 1;
      }
    };
    const writers = Promise.all([write(), write(), write()]);
    for (let kill = 0; kill < 20; kill++) {
      await new Promise((resolve) => setTimeout(resolve, random() * 300));
      await server.kill();
      await server.start();
    }
    stop = true;
    await writers;
    const { requests, costUsd } = await ledger.totals.overview();
    expect({ requests, costUsd }).to.deep.equal({
      requests: turns,
      costUsd: Math.round(turns * 1234567) / 1e9,
    });
    expect((await ledger.sessions.get(session.id))?.totals.costUsd).to.equal(costUsd);
    expect(await ledger.turns.running()).to.deep.equal([]);
    await ledger.close();
  });

  /** Each write is repeated until it is known to be in the ledger, as the gateway does. */
  async function runTurn(ledger: Ledger, session: ReturnType<typeof newSession>): Promise<void> {
    const turn = newTurn(session);
    const used = usageOf("sonnet", tokens(10, 20), 0.001234567);
    await eventually("the turn began", async () => {
      await ledger.turns.begin(turn, { epoch: 0 }).catch((error: unknown) => {
        if (!(error instanceof LedgerError)) throw error;
      });
      return (await ledger.turns.get(turn.id).catch(() => undefined)) !== undefined;
    });
    await eventually("the turn ended", () =>
      ledger.turns.end(turn.id, outcome(turn, used), { at: turn.createdAt }).then(
        () => true,
        () => false,
      ),
    );
  }
});
