import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type CopiedLedger, copyLedger } from "@claudeway/ledger";
import { expect } from "chai";
import pg from "pg";
import { openPostgresCopy, openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { openLedger, openSqliteCopy, openTables } from "#ledger-sqlite/sqlite-ledger.js";
import { runToEnd } from "../e2e/gateway.js";
import { Diary, keepDiary } from "../ledger/diary.js";
import { newFolder, rejection, removeFolders } from "../ledger/fixture.js";
import { recount } from "../ledger-sqlite/recount.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

const PLUGIN = "p";

describe("a copy of a ledger", () => {
  let server: PostgresServer;
  let folder: string;
  let url: string;

  before(async () => {
    server = await startPostgres();
  });
  after(() => server.close());
  afterEach(removeFolders);
  beforeEach(async () => {
    folder = newFolder();
    url = await server.urlOf(basename(folder));
  });

  async function copy(to: "postgres" | "sqlite", dataDir = folder) {
    const file = await openSqliteCopy({ dataDir });
    const database = await openPostgresCopy({ url });
    try {
      return await (to === "postgres" ? copyLedger(file, database) : copyLedger(database, file));
    } finally {
      await database.close();
      await file.close();
    }
  }
  const put = (key: string) => ({
    changes: [{ key, json: "1", expected: undefined, ttlMs: undefined }],
    maxEntries: 9,
  });

  it("goes to PostgreSQL and back, is the same in all sums, and continues there", async () => {
    const ledger = await keepDiary(openLedger, folder, 3);
    await ledger.pluginStore.write(PLUGIN, put("kept"));
    const last = await ledger.pluginStore.write(PLUGIN, put("deleted"));
    await ledger.pluginStore.write(PLUGIN, {
      changes: [{ key: "deleted", json: undefined, expected: undefined, ttlMs: undefined }],
      maxEntries: 9,
    });
    const before = [
      await ledger.totals.overview(),
      await ledger.totals.costs("weekly"),
      await ledger.totals.byKey(),
    ];
    const sessions = await ledger.sessions.list({ page: 1, limit: 1000 });
    await ledger.close();

    const tables = await copy("postgres");
    expect(tables.find(({ table }) => table === "turns")?.rows).to.be.greaterThan(20);
    const moved = await openPostgresLedger({ url });
    expect([
      await moved.totals.overview(),
      await moved.totals.costs("weekly"),
      await moved.totals.byKey(),
    ]).to.deep.equal(before);
    expect(await moved.sessions.list({ page: 1, limit: 1000 })).to.deep.equal(sessions);
    const next = await moved.pluginStore.write(PLUGIN, put("next"));
    expect(next.ok && last.ok && (next.versions[0] ?? 0) > (last.versions[0] ?? 0)).to.equal(true);
    const diary = new Diary(4);
    for (let step = 0; step < 100; step++) await diary.step(moved);
    await moved.close();

    const back = newFolder();
    await copy("sqlite", back);
    const { database, close } = await openTables({ dataDir: back });
    for (const { what, kept, found } of recount(database)) expect(kept, what).to.deep.equal(found);
    close();
  });

  it("writes nothing if the connection is lost between two tables, even if another one could be made", async () => {
    await (await keepDiary(openLedger, folder, 2)).close();
    const file = await openSqliteCopy({ dataDir: folder });
    const database = await openPostgresCopy({ url });
    let reads = 0;
    const interrupted: CopiedLedger = {
      ...file,
      async perform(work) {
        reads += 1;
        if (reads === 8) await endConnections(url);
        return file.perform(work);
      },
    };
    const lost = await rejection(copyLedger(interrupted, database));
    expect(lost.message).to.include("lost its connection");
    await database.close().catch(() => undefined);
    await file.close();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query("SELECT count(*)::int AS rows FROM claudeway.turns");
    await client.end();
    expect(rows).to.deep.equal([{ rows: 0 }]);
  });

  describe("of a cluster", () => {
    const NODE = { node: "a", url: "http://10.0.0.5:3000", configDigest: "d", version: "1" };

    it("goes to a file once every node has left, and leaves the ledger to look for what was left", async () => {
      const shared = await openPostgresLedger({ url, shared: true });
      const start = await shared.nodes.join(NODE);
      await shared.nodes.leave(start);
      await shared.close();
      expect((await copy("sqlite")).find(({ table }) => table === "nodes")?.rows).to.equal(1);
      await (await openLedger({ dataDir: folder })).close();
      const alone = await openPostgresLedger({ url });
      expect(alone.afterCrash).to.equal(true);
      await alone.close();
    });

    it("is refused if a node was killed, which it names", async () => {
      const shared = await openPostgresLedger({ url, shared: true });
      await shared.nodes.join(NODE);
      await shared.close();
      expect((await rejection(copy("sqlite"))).message).to.match(
        /^ledger \S+ was not left by the nodes a: start and stop each of them once$/,
      );
    });

    it("is one of `[cluster] url` for the command", async () => {
      await (await keepDiary(openLedger, join(folder, "data"), 1)).close();
      const section = ["[cluster]", `url = "${url}"`, 'advertise = "http://10.0.0.5:3000"'];
      const file = [
        'keys = ["admin:secret-of-16-chars-or-more"]',
        ...section,
        `secret = "${"s".repeat(16)}"`,
      ];
      writeFileSync(join(folder, "claudeway.toml"), file.join("\n"));
      const env = { WRAPPER_KEYS: undefined, LEDGER_URL: undefined, CLAUDE_WORKDIR: folder };
      const args = ["copy-ledger", "postgres", "--data-dir", "data"];
      const { code, stdout, stderr } = await runToEnd(args, folder, env);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: "" });
      expect(stdout).to.match(/^sessions: \d+ rows$/m);
    });
  });

  it("can be begun again after it was interrupted", async () => {
    await (await keepDiary(openLedger, folder, 1)).close();
    const database = await openPostgresCopy({ url });
    await database.perform(database.sql.run("BEGIN"));
    await endConnections(url);
    await database.close().catch(() => undefined);
    await killedCopy(folder);
    expect((await copy("postgres")).length).to.be.greaterThan(0);
    expect((await rejection(copy("postgres"))).message).to.include("must be empty");
  });

  it("is refused, and changes nothing, if the target has rows or a ledger was not closed", async () => {
    await (await keepDiary(openLedger, folder, 1)).close();
    await copy("postgres");
    expect((await rejection(copy("postgres"))).message).to.include(
      "table sessions of the target must be empty",
    );
    const open = await openLedger({ dataDir: folder });
    expect((await rejection(copy("postgres"))).message).to.include("is in use or was not closed");
    await open.close();
  });
});

/** Opens a file to copy it, in a process that ends without closing it. */
async function killedCopy(dataDir: string): Promise<void> {
  const module = new URL("../../core/ledger-sqlite/dist/sqlite-ledger.js", import.meta.url).href;
  const script = `const { openSqliteCopy } = await import(${JSON.stringify(module)});
    await openSqliteCopy({ dataDir: ${JSON.stringify(dataDir)} });
    process.kill(process.pid, "SIGKILL");`;
  const child = spawn(process.execPath, ["--conditions=unbundled", "--input-type=module", "-e", script]);
  const [, signal] = await once(child, "exit");
  expect(signal).to.equal("SIGKILL");
}

/** Ends the connections that hold a lock in a database, and waits until they are gone. */
async function endConnections(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  );
  await client.end();
  // The other end learns of it with the next events.
  await new Promise((resolve) => setTimeout(resolve, 200));
}
