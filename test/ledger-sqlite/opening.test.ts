import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { Database } from "#ledger-sqlite/database.js";
import { lockLedger } from "#ledger-sqlite/lock.js";
import { openDatabase } from "#ledger-sqlite/open.js";
import { MIGRATIONS, migrate } from "#ledger-sqlite/schema.js";
import { loadSqlite } from "#ledger-sqlite/sqlite.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import {
  newFolder,
  newSession,
  newTurn,
  outcome,
  rejection,
  removeFolders,
  tokens,
  usageOf,
  withoutRights,
} from "../ledger/fixture.js";

describe("ledger: opening", () => {
  afterEach(removeFolders);

  async function refusal(dataDir: string): Promise<string> {
    const error = await rejection(openLedger({ dataDir }));
    expect(error).to.be.instanceOf(LedgerError);
    expect(error.message).to.not.include("\n");
    return error.message;
  }

  async function fill(dataDir: string): Promise<void> {
    const ledger = await openLedger({ dataDir });
    for (let i = 0; i < 100; i++) {
      const session = newSession({ systemPrompt: "x".repeat(500) });
      await ledger.sessions.create(session);
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.turns.end(turn.id, outcome(turn, usageOf("m", tokens(1), 0.1)), { at: turn.createdAt });
    }
    await ledger.close();
  }

  it("makes folder and files that only their owner may read", async () => {
    const mask = process.umask(0);
    try {
      const dataDir = join(newFolder(), "deep", "data");
      const ledger = await openLedger({ dataDir });
      await ledger.sessions.create(newSession());
      expect(statSync(dataDir).mode & 0o777).to.equal(0o700);
      for (const file of readdirSync(dataDir)) {
        expect(statSync(join(dataDir, file)).mode & 0o777, file).to.equal(0o600);
        expect(file).to.match(/^ledger\.sqlite(-wal|-shm|\.lock|\.pid)?$/);
      }
      await ledger.close();
      expect(readdirSync(dataDir).sort()).to.deep.equal(["ledger.sqlite", "ledger.sqlite.lock"]);
    } finally {
      process.umask(mask);
    }
  });

  it("detects that the previous gateway was killed, and then checks a large ledger", async () => {
    const sqlite = await loadSqlite();
    const file = join(newFolder(), "ledger.sqlite");
    const afterCrash = () => {
      const lock = lockLedger(sqlite, file);
      lock.release();
      return lock.afterCrash;
    };
    expect(afterCrash()).to.equal(false);
    writeFileSync(`${file}.pid`, "4711\n");
    expect(afterCrash()).to.equal(true);
    expect(afterCrash()).to.equal(false);
  });

  it("still knows of a crash after a start that could not open the ledger", async () => {
    const dataDir = newFolder();
    const file = join(dataDir, "ledger.sqlite");
    writeFileSync(file, "x");
    writeFileSync(`${file}.pid`, "4711\n");
    expect(await refusal(dataDir)).to.match(/is damaged/);
    writeFileSync(file, "");
    const ledger = await openLedger({ dataDir });
    expect(ledger.afterCrash).to.equal(true);
    await ledger.close();
  });

  it("reports a file that is not SQLite, and does not change it", async () => {
    for (const content of [
      "not a ledger\n".repeat(1000),
      "x",
      Buffer.alloc(8192, 0xff),
      Buffer.alloc(8192),
    ]) {
      const dataDir = newFolder();
      const file = join(dataDir, "ledger.sqlite");
      writeFileSync(file, content);
      expect(await refusal(dataDir)).to.match(/^ledger .*ledger\.sqlite is damaged/);
      expect(readFileSync(file).equals(Buffer.from(content))).to.equal(true);
      // And lets go of it.
      writeFileSync(file, "");
      await (await openLedger({ dataDir })).close();
    }
  });

  it("reports a damaged file", async () => {
    const damages: Record<string, (file: string) => void> = {
      "cut in half": (file) => truncateSync(file, Math.floor(statSync(file).size / 2)),
      "cut within its first page": (file) => truncateSync(file, 1000),
      "a page of zeros": (file) => overwrite(file, 4096 * 3, Buffer.alloc(4096)),
      "noise in the schema": (file) => overwrite(file, 100, Buffer.alloc(40, 0x5a)),
      "noise in every page": (file) => {
        for (let at = 4096; at < statSync(file).size; at += 4096) overwrite(file, at, Buffer.alloc(64, 0xa5));
      },
    };
    for (const [what, damage] of Object.entries(damages)) {
      const dataDir = newFolder();
      await fill(dataDir);
      damage(join(dataDir, "ledger.sqlite"));
      expect(await refusal(dataDir), what).to.match(/^ledger .*ledger\.sqlite is damaged/);
    }
  });

  it("refuses a newer ledger, and the database of another program", async () => {
    const sqlite = await loadSqlite();
    const newer = newFolder();
    await fill(newer);
    const connection = new sqlite.DatabaseSync(join(newer, "ledger.sqlite"));
    connection.exec("PRAGMA user_version = 99");
    connection.close();
    expect(await refusal(newer)).to.include(
      `was written by a newer Claudeway (version 99; this one supports up to ${MIGRATIONS.length})`,
    );

    const foreign = newFolder();
    const other = new sqlite.DatabaseSync(join(foreign, "ledger.sqlite"));
    other.exec("CREATE TABLE notes (text)");
    other.close();
    expect(await refusal(foreign)).to.match(/is a SQLite file, but not a ledger of Claudeway$/);
  });

  it("reports a folder that is not writable, or not a folder", async () => {
    const dataDir = join(newFolder(), "data");
    mkdirSync(dataDir);
    await fill(dataDir);
    chmodSync(join(dataDir, ".."), 0o755);
    chmodSync(dataDir, 0o555);
    await withoutRights(async () => {
      expect(await refusal(dataDir)).to.match(/^ledger/);
      expect(await refusal(join(dataDir, "new"))).to.match(/^ledger: cannot write to .*new: EACCES/);
    });
    chmodSync(dataDir, 0o755);
    expect(await refusal(join(dataDir, "ledger.sqlite", "x"))).to.match(/ENOTDIR/);
    if (process.platform === "linux") expect(await refusal("/proc/claudeway/data")).to.match(/ENOENT/);
  });

  it("migrates version by version, and rolls a failing step back", async () => {
    const sqlite = await loadSqlite();
    const file = join(newFolder(), "ledger.sqlite");
    const { database, close } = openDatabase(sqlite, file);
    const version = () => database.one("PRAGMA user_version")?.["user_version"];
    const steps = [
      ...MIGRATIONS,
      "ALTER TABLE turns ADD COLUMN note TEXT",
      "CREATE TABLE more (a); CREATE TABLE more (b)",
    ];
    expect(() => migrate(database, steps)).to.throw(LedgerError, "already exists");
    expect(version()).to.equal(MIGRATIONS.length + 1);
    expect(database.all("SELECT name FROM sqlite_schema WHERE name = 'more'")).to.deep.equal([]);
    expect(database.all("SELECT note FROM turns")).to.deep.equal([]);
    migrate(database, [...steps.slice(0, -1), "CREATE TABLE more (a)"]);
    expect(version()).to.equal(MIGRATIONS.length + 2);
    close();
  });

  it("opens a ledger of every earlier version, with its content", async () => {
    for (let version = 1; version < MIGRATIONS.length; version++) {
      const dataDir = newFolder();
      const database = new Database(await loadSqlite(), join(dataDir, "ledger.sqlite"));
      migrate(database, MIGRATIONS.slice(0, version));
      database.exec(`
        INSERT INTO sessions (id, key_id, kind, model, workdir, owns_workdir, created_at, last_used, begun, cost_nano)
        VALUES ('s', 'ci', 'session', 'sonnet', '/tmp', 0, 1, 1, 1, 5);
        INSERT INTO turns (id, session_seq, key_id, route, model, prompt_bytes, prompt_sha256, created_at, cost_nano,
          by_model, end, ended_at, answered_by, duration_ms, queued_ms)
        VALUES ('t', 1, 'ci', 'r', 'sonnet', 1, x'ab', 1, 5, '"m"', 'completed', 2, 'm', 1, 0);
        INSERT INTO sessions (id, key_id, kind, model, workdir, owns_workdir, created_at, last_used)
        VALUES ('task', 'ci', 'task', 'sonnet', '/tmp', 0, 1, 1)`);
      database.close();
      const ledger = await openLedger({ dataDir });
      expect((await ledger.sessions.get("s"))?.totals.costUsd).to.equal(5e-9);
      expect((await ledger.turns.get("t"))?.ended?.model).to.equal("m");
      const tasks = version < 5 ? 1 : 0;
      expect((await ledger.sessions.tasks({ keyId: "ci", page: 1, limit: 1 })).total).to.equal(tasks);
      await ledger.close();
    }
  });

  it("uses the implementation that the environment names", async () => {
    const before = process.env["CLAUDEWAY_SQLITE"];
    try {
      process.env["CLAUDEWAY_SQLITE"] = "mysql";
      expect(await refusal(newFolder())).to.equal(
        'CLAUDEWAY_SQLITE must be auto, builtin or package, got "mysql"',
      );
      process.env["CLAUDEWAY_SQLITE"] = "package";
      expect(await loadSqlite()).to.equal(await import("@photostructure/sqlite"));
      delete process.env["CLAUDEWAY_SQLITE"];
      expect(await loadSqlite("package")).to.equal(await import("@photostructure/sqlite"));
    } finally {
      if (before === undefined) delete process.env["CLAUDEWAY_SQLITE"];
      else process.env["CLAUDEWAY_SQLITE"] = before;
    }
  });
});

function overwrite(file: string, at: number, bytes: Buffer): void {
  const content = readFileSync(file);
  bytes.copy(content, at, 0, Math.min(bytes.length, content.length - at));
  writeFileSync(file, content);
}
