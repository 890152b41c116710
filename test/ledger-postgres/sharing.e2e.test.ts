import { randomUUID } from "node:crypto";
import { FencedError, type Ledger, LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import pg from "pg";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { readNodes } from "#ledger-postgres/read-nodes.js";
import { MIGRATIONS } from "#ledger-postgres/schema.js";
import { eventually } from "../e2e/poll.js";
import { NOON, newSession, newTurn, outcome, parkedForLimit, rejection, seeded } from "../ledger/fixture.js";
import { newestInitdb } from "../newest-postgres.js";
import { type PostgresServer, startPostgres } from "../postgres.js";
import { CommitProxy } from "./commit-proxy.js";
import { checkSums, TURN_NANO, usageOfBoth, writeTurns } from "./sharing.js";

for (const newest of [false, true])
  describe(`a ledger in PostgreSQL${newest ? " 18" : ""} that gateways share`, () => {
    let server: PostgresServer;
    let url: string;
    const open: Ledger[] = [];

    before(async function () {
      const initdb = newest ? await newestInitdb() : undefined;
      if (newest && initdb === undefined) return this.skip();
      server = await startPostgres({ initdb });
    });
    after(() => server?.close());
    beforeEach(async () => {
      url = await server.urlOf(randomUUID());
    });
    afterEach(async () => {
      for (const ledger of open.splice(0)) await ledger.close();
    });

    async function share(
      options: { connections?: number; repeatMs?: number; fence?: () => AbortSignal } = {},
    ) {
      const ledger = await openPostgresLedger({ url, shared: true, connections: 4, ...options });
      open.push(ledger);
      return ledger;
    }

    async function pair(options: Parameters<typeof share>[0] = {}): Promise<readonly [Ledger, Ledger]> {
      return [await share(options), await share(options)];
    }

    async function query(sql: string): Promise<pg.QueryResult> {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return await client.query(sql);
      } finally {
        await client.end();
      }
    }

    it("is read for its nodes without being opened, and not changed", async () => {
      expect(await readNodes(url)).to.deep.equal([]);
      const ledger = await openPostgresLedger({ url });
      await ledger.nodes.join({ node: "a", url: "http://a", configDigest: "x", version: "1" });
      await ledger.close();
      const state = () => query("SELECT * FROM claudeway.ledger");
      const { rows: before } = await state();
      expect((await readNodes(url)).map(({ node, url }) => [node, url])).to.deep.equal([["a", "http://a"]]);
      expect((await state()).rows).to.deep.equal(before);
      // Also while a gateway has it for itself, which is no node.
      open.push(await openPostgresLedger({ url }));
      expect(await readNodes(url)).to.deep.equal([]);
    });

    it("is made once by gateways that open it at the same time", async () => {
      const ledgers = await Promise.all([share(), share(), share(), share()]);
      await ledgers[0].sessions.create(newSession());
      expect((await ledgers[3].sessions.list({ page: 1, limit: 1 })).total).to.equal(1);
    });

    it("is not opened by a gateway alone, nor the other way round, and not by one that is older", async () => {
      const ledger = await share();
      await ledger.checkFile();
      expect((await rejection(openPostgresLedger({ url }))).message).to.include(
        "is in use by another gateway",
      );
      await ledger.close();
      const alone = await openPostgresLedger({ url });
      // Nobody closed it for all gateways.
      expect(alone.afterCrash).to.equal(true);
      expect((await rejection(share())).message).to.include("is in use by a gateway outside the cluster");
      await alone.close();
      await query("UPDATE claudeway.ledger SET version = 99, needs = 99");
      expect((await rejection(share())).message).to.include("was written by a newer Claudeway (version 99;");
    });

    it("goes on when a later version adds columns and tables meanwhile", async () => {
      const ledger = await share();
      const session = newSession();
      await ledger.sessions.create(session);
      const work = async () => {
        await writeTurns(ledger, session, 2);
        await Promise.all([ledger.sessions.get(session.id), ledger.nodes.list(), ledger.nodes.lostTurns()]);
      };
      // On several connections: each has its own prepared statements.
      const onAll = () => Promise.all(Array.from({ length: 8 }, work));
      await onAll();
      await query(
        "ALTER TABLE claudeway.turns ADD COLUMN later BIGINT; CREATE TABLE claudeway.later (id BIGINT)",
      );
      await query("ALTER TABLE claudeway.sessions ADD COLUMN later TEXT NOT NULL DEFAULT 'x'");
      await query("ALTER TABLE claudeway.nodes ADD COLUMN later BIGINT NOT NULL DEFAULT 0");
      await onAll();
      await checkSums(ledger, [session], 32);
    });

    it("is migrated while a transaction locks its tables in another order", async () => {
      await share();
      await query(`SET search_path = claudeway; ALTER TABLE turns DROP COLUMN audit; DROP INDEX approvals_settled;
        ALTER TABLE approvals DROP COLUMN settled_at; ALTER TABLE ledger DROP COLUMN needs; UPDATE ledger SET version = 5`);
      // Each looks for a deadlock once, after this time of waiting: of the step it must be there by then.
      await query(
        `ALTER DATABASE ${pg.escapeIdentifier(new URL(url).pathname.slice(1))} SET deadlock_timeout = '4s'`,
      );
      const other = new pg.Client({ connectionString: url });
      await other.connect();
      try {
        await other.query("SET deadlock_timeout = '1min'");
        await other.query("BEGIN; LOCK TABLE claudeway.approvals IN ACCESS SHARE MODE");
        const migrated = share();
        const waits =
          "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'claudeway.approvals'::regclass";
        await eventually("a step that waits", async () => (await query(waits)).rows.length > 0);
        // The step waits for this transaction, and this one for the step, which has waited for longer and is ended.
        await other.query("SELECT count(*) FROM claudeway.turns");
        await other.query("COMMIT");
        await migrated;
        const { rows } = await query("SELECT version::int FROM claudeway.ledger");
        expect(rows).to.deep.equal([{ version: MIGRATIONS.length }]);
      } finally {
        await other.end();
      }
    });

    it("adds up the turns of 32 writers on one key to the nanodollar, without a deadlock", async () => {
      const ledgers = await pair();
      const sessions = Array.from({ length: 32 }, () => newSession());
      const writers = sessions.map(async (session, number) => {
        const ledger = either(ledgers, number);
        await ledger.sessions.create(session);
        await writeTurns(ledger, session, 24);
      });
      await Promise.all(writers);
      for (const ledger of ledgers) await checkSums(ledger, sessions, 32 * 24);
      // The server's statistics come a little later than its answers.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const { rows } = await query(
        "SELECT deadlocks::int, xact_rollback::int AS rollbacks FROM pg_stat_database WHERE datname = current_database()",
      );
      expect(rows).to.deep.equal([{ deadlocks: 0, rollbacks: 0 }]);
    });

    it("adds up the turns of one session that two gateways write at once", async () => {
      const ledgers = await pair();
      const session = newSession();
      await ledgers[0].sessions.create(session);
      await Promise.all(ledgers.flatMap((ledger) => [1, 2, 3].map(() => writeTurns(ledger, session, 5))));
      for (const ledger of ledgers) await checkSums(ledger, [session], 30);
    });

    it("records one end of a turn that several gateways end at once", async () => {
      const ledgers = await pair();
      const session = newSession();
      await ledgers[0].sessions.create(session);
      for (let round = 0; round < 10; round++) {
        const turn = newTurn(session);
        await ledgers[0].turns.begin(turn, { epoch: 0 });
        // The same end sent twice is known again: these are of different gateways.
        const endAt = (n: number, text: string) => {
          const { response, ...ended } = outcome(turn, usageOfBoth("sonnet"));
          return { ...ended, response: { ...response, result: `${text} of ${n}` } };
        };
        const ends = await Promise.all(
          ledgers.flatMap(({ turns }, n) => [
            turns.end(turn.id, endAt(n, "end"), { at: turn.createdAt }),
            turns
              .markLost(turn.id, { at: turn.createdAt, respond: () => endAt(n, "loss").response })
              .then((lost) => lost !== undefined),
          ]),
        );
        expect(ends.filter(Boolean)).to.have.length(1);
      }
      expect((await ledgers[1].totals.overview()).requests).to.equal(10);
    });

    it("never lets usage overwrite the end of its turn", async () => {
      const ledger = await share();
      const session = newSession();
      await ledger.sessions.create(session);
      for (let round = 0; round < 20; round++) {
        const turn = newTurn(session);
        await ledger.turns.begin(turn, { epoch: 0 });
        const usage = usageOfBoth("sonnet");
        const other = await share({ connections: 1 });
        await Promise.all([
          ledger.turns.end(turn.id, outcome(turn, usage), { at: turn.createdAt }),
          other.turns.recordUsage(turn.id, { ...usage, costUsd: 1 }),
        ]);
        expect((await ledger.turns.get(turn.id))?.usage.costUsd).to.equal(TURN_NANO / 1e9);
        await other.close();
      }
    });

    it("gives an idempotency key to one of many requests, and all the others its turn", async () => {
      const ledgers = await pair();
      const claims = await Promise.all(
        Array.from({ length: 40 }, async (_, number) =>
          either(ledgers, number).idempotency.claim({
            keyId: "ci",
            route: "POST /task",
            idempotencyKey: "one",
            bodyHash: "h",
            turnId: `t${number}`,
          }),
        ),
      );
      const winner = claims.indexOf("new");
      expect(claims.filter((claim) => claim === "new")).to.have.length(1);
      for (const claim of claims) if (claim !== "new") expect(claim).to.include({ turnId: `t${winner}` });
    });

    it("resumes no parked turn under an epoch that a burial is about to raise", async () => {
      const [ledger] = await pair();
      const session = newSession();
      await ledger.sessions.create(session);
      const parked = async () => {
        const turn = newTurn(session);
        await ledger.turns.begin(turn, { epoch: 0 });
        const usage = usageOfBoth("sonnet");
        await ledger.turns.park(turn.id, { at: NOON, usage, model: "sonnet", parked: parkedForLimit() });
        return turn.id;
      };
      const [unparked, adopted] = [await parked(), await parked()];
      const burial = new pg.Client({ connectionString: url });
      await burial.connect();
      try {
        await burial.query("BEGIN; UPDATE claudeway.sessions SET epoch = epoch + 1");
        const late = [ledger.turns.unpark(unparked), ledger.turns.adopt(adopted, { epoch: 0 })].map((work) =>
          work.then(
            () => "done",
            (error: unknown) => error,
          ),
        );
        const waiting =
          "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        const bothWait = async () => (await query(waiting)).rows.length === 2;
        await Promise.race([Promise.any(late), eventually("two that wait", bothWait)]);
        await burial.query("COMMIT");
        for (const outcome of await Promise.all(late)) expect(outcome).to.be.instanceOf(FencedError);
      } finally {
        await burial.end();
      }
      expect((await ledger.turns.get(unparked))?.parked).to.not.equal(undefined);
    });

    it("leaves no connection behind when it is closed while it is checked", async () => {
      const ledger = await openPostgresLedger({ url, shared: true, connections: 4 });
      const checked = ledger.checkFile();
      await ledger.close();
      await checked;
      const others =
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
      await eventually("no connection", async () => (await query(others)).rows.length === 0);
    });

    it("never grants more of a counter than its limit, however many gateways claim", async () => {
      const ledgers = await pair();
      const counter = { name: "budget", subject: "key:ci", window: "all", measure: "cost" } as const;
      const other = { name: "total", subject: "all", window: "all", measure: "cost" } as const;
      const session = newSession();
      await ledgers[0].sessions.create(session);
      const granted = await Promise.all(
        Array.from({ length: 24 }, async (_, number) => {
          const ledger = either(ledgers, number);
          const turn = newTurn(session);
          await ledger.turns.begin(turn, { epoch: 0 });
          const claims = [
            { ...counter, limit: 1, amount: 0.1 },
            { ...other, limit: 5, amount: 0.1 },
          ];
          // In any order.
          if (number % 3 === 0) claims.reverse();
          const result = await ledger.quota.claim("limits", turn.id, claims);
          if (result.ok === true && number % 4 === 0)
            await ledger.turns.end(
              turn.id,
              outcome(turn, { ...usageOfBoth("sonnet"), costUsd: 0.1, byModel: {} }),
              {
                at: new Date().toISOString(),
              },
            );
          return result.ok === true ? (result.costUsd ?? 0) : 0;
        }),
      );
      const sum = granted.reduce((total, one) => total + Math.round(one * 1e9), 0);
      expect(sum).to.equal(1e9);
      const [state] = await ledgers[0].quota.read("limits", [counter]);
      expect(Math.round(((state?.used ?? 0) + (state?.reserved ?? 0)) * 1e9)).to.equal(1e9);
    });

    it("counts up an entry of a plugin's state exactly, and keeps to the number of entries", async () => {
      const ledgers = await pair();
      const write = (ledger: Ledger, key: string, json: string, expected: number | null) =>
        ledger.pluginStore.write("p", {
          changes: [{ key, json, expected, ttlMs: undefined }],
          maxEntries: 5,
        });
      const countUp = async (ledger: Ledger): Promise<void> => {
        for (;;) {
          const entry = await ledger.pluginStore.get("p", "count");
          const next = String(Number(entry?.json ?? 0) + 1);
          const result = await write(ledger, "count", next, entry?.version ?? null);
          if (result.ok) return;
        }
      };
      await Promise.all(ledgers.flatMap((ledger) => Array.from({ length: 8 }, () => countUp(ledger))));
      expect((await ledgers[0].pluginStore.get("p", "count"))?.json).to.equal("16");
      const added = await Promise.all(
        ledgers.flatMap((ledger, of) =>
          Array.from({ length: 5 }, (_, n) => write(ledger, `${of}-${n}`, "1", null)),
        ),
      );
      expect(added.filter(({ ok }) => ok)).to.have.length(4);
    });

    it("performs the work of one session in the order of its calls, without being waited for", async () => {
      const ledger = await share();
      const session = newSession();
      await ledger.sessions.create(session);
      const titles = Array.from({ length: 30 }, (_, number) => `title ${number}`);
      const updates = titles.map((title) => ledger.sessions.update(session.id, { title }));
      expect((await ledger.sessions.get(session.id))?.title).to.equal("title 29");
      await Promise.all(updates);
    });

    for (const lost of ["statement", "answer"] as const)
      it(`records each turn once if the connection is lost with the ${lost} of a commit`, async () => {
        const proxy = await CommitProxy.start(server.port);
        const direct = await share();
        const ledger = await openPostgresLedger({
          url: url.replace(`:${server.port}/`, `:${proxy.port}/`),
          shared: true,
          connections: 2,
        });
        const session = newSession();
        await ledger.sessions.create(session);
        const approval = () => ({ ...newApproval(session.id), id: randomUUID(), toolUseId: randomUUID() });
        for (let round = 0; round < 5; round++) {
          const turn = newTurn(session, { model: "sonnet" });
          proxy.loseNext(lost);
          await ledger.turns.begin(turn, { epoch: 0 });
          const asked = approval();
          proxy.loseNext(lost);
          await ledger.approvals.ask(asked);
          proxy.loseNext(lost);
          expect(await ledger.approvals.settle(asked.id, "allowed")).to.equal(true);
          proxy.loseNext(lost);
          const usage = usageOfBoth("sonnet");
          const isFirst = await ledger.turns.end(turn.id, outcome(turn, usage), { at: turn.createdAt });
          expect(isFirst, "its own end is not taken for another's").to.equal(true);
        }
        expect(proxy.lost).to.equal(20);
        await checkSums(direct, [session], 5);
        await ledger.close();
        await proxy.close();
      });

    it("lets a node beat while all other connections wait for a locked row", async () => {
      const ledger = await share({ connections: 2 });
      const session = newSession();
      await ledger.sessions.create(session);
      const node = await ledger.nodes.join({ node: "a", url: "http://a", configDigest: "d", version: "1" });
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query("BEGIN; SELECT 1 FROM claudeway.sessions FOR UPDATE");
      const waiting = Promise.all([1, 2, 3].map(() => ledger.turns.begin(newTurn(session), { epoch: 0 })));
      const load = { running: 0, queued: 0, processes: 0 };
      expect(await ledger.nodes.beat(node, load, "up", "abc")).to.equal(true);
      expect(await ledger.nodes.list()).to.have.length(1);
      await client.query("COMMIT");
      await client.end();
      await waiting;
    });

    it("stops repeating when its fence falls, and when it has waited long enough", async () => {
      const fence = new AbortController();
      const fenced = await share({ fence: () => fence.signal, repeatMs: 600_000 });
      const impatient = await share({ repeatMs: 300 });
      await fenced.checkFile();
      await server.kill();
      try {
        const refused = rejection(fenced.sessions.get("one"));
        const gaveUp = await rejection(impatient.sessions.get("one"));
        expect(gaveUp).to.be.instanceOf(LedgerError);
        expect(gaveUp).to.include({ mayPass: true });
        fence.abort();
        expect((await refused).message).to.match(
          /^ledger 127\.0\.0\.1:\d+\/\S+ (cannot be reached|failed|lost)/,
        );
      } finally {
        await server.start();
      }
      expect((await impatient.sessions.list({ page: 1, limit: 1 })).total).to.equal(0);
      await fenced.checkFile();
    });

    it("records each turn once, to the nanodollar, while the server is killed at 20 random moments", async () => {
      const random = seeded(11);
      const ledgers = await pair({ repeatMs: 600_000 });
      const sessions = Array.from({ length: 8 }, () => newSession());
      let stop = false;
      let turns = 0;
      const write = async (ledger: Ledger, session: (typeof sessions)[number]): Promise<void> => {
        await ledger.sessions.create(session);
        for (; !stop; turns++) await writeTurns(ledger, session, 1);
      };
      const writers = Promise.all(sessions.map((session, number) => write(either(ledgers, number), session)));
      for (let kill = 0; kill < 20 || turns <= 20; kill++) {
        await Promise.race([new Promise((resolve) => setTimeout(resolve, random() * 400)), writers]);
        await server.kill();
        await server.start();
      }
      stop = true;
      await writers;
      await checkSums(ledgers[0], sessions, turns);
    });
  });

function either([one, other]: readonly [Ledger, Ledger], number: number): Ledger {
  return number % 2 === 0 ? one : other;
}

function newApproval(sessionId: string) {
  return {
    sessionId,
    turnId: "t",
    keyId: "ci",
    kind: "tool",
    tool: "Bash",
    input: {},
    workdir: "/tmp",
    cwd: undefined,
    status: "pending",
    parked: false,
    askedAt: new Date().toISOString(),
    expiresAt: new Date().toISOString(),
    deciders: undefined,
    decision: undefined,
  } as const;
}
