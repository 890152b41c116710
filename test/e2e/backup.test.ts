import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { loadSqlite } from "#ledger-sqlite/sqlite.js";
import { runToEnd, TestGateway } from "./gateway.js";
import { LedgerFile } from "./ledger-file.js";

const PLUGIN_FILE = "plugins/telegram/chat.json";

describe("claudeway backup", () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await TestGateway.start({ config: "[engine]\nmax_running = 4\n" });
    mkdirSync(join(gateway.dataDir, "plugins/telegram"), { recursive: true });
    writeFileSync(join(gateway.dataDir, PLUGIN_FILE), '{"topics":1}');
  });
  after(() => gateway.dispose());

  const run = (...args: string[]) => runToEnd(args, gateway.dir, { CLAUDE_WORKDIR: gateway.workdir });
  const at = (...names: string[]) => join(gateway.dir, ...names);

  it("of a gateway under load is complete, with everything acknowledged before", async () => {
    const acknowledged: string[] = [];
    let loaded = true;
    const worker = async () => {
      const { body } = await gateway.request<{ session_id: string }>("/session/start", { body: {} });
      while (loaded) {
        const answer = await gateway.request(`/session/${body.session_id}`, { body: { prompt: "Say hi." } });
        acknowledged.push(String(answer.headers.get("x-turn-id")));
      }
    };
    const working = Promise.all([worker(), worker(), worker()]);
    try {
      for (let round = 1; round <= 2; round++) {
        const before = acknowledged.length;
        while (acknowledged.length < before + 4) await sleep(10);
        const known = [...acknowledged];
        const { code, stderr } = await run("backup", `copy-${round}.sqlite`);
        expect({ code, stderr }).to.deep.equal({ code: 0, stderr: "" });
        const file = at(`copy-${round}.sqlite`);
        expect(statSync(file).mode & 0o777).to.equal(0o600);
        expect(await integrityOf(file)).to.equal("ok");
        const ended = await endedTurns(file);
        expect(
          known.filter((id) => !ended.includes(id)),
          "acknowledged, and not in the copy",
        ).to.deep.equal([]);
      }
      expect(readdirSync(gateway.dir).filter((name) => name.includes(".new-"))).to.deep.equal([]);
    } finally {
      loaded = false;
      await working;
    }
  });

  it("restores: sessions, money, links' key and plugins' files; the installation is another one", async () => {
    const { body: session } = await gateway.request<{ session_id: string }>("/session/start", { body: {} });
    const path = `/session/${session.session_id}`;
    await gateway.request(path, { body: { prompt: "Say hi." } });
    const { body: before } = await gateway.request(path);
    expect((await run("backup", "kept.sqlite")).code).to.equal(0);
    const { stdout, code } = await run("restore", "kept.sqlite", "--data-dir", "restored");
    expect({ stdout, code }).to.deep.equal({
      stdout: `${at("restored")}: restored from kept.sqlite\n`,
      code: 0,
    });
    for (const file of ["link-key", PLUGIN_FILE]) {
      expect(readFileSync(at("restored", file))).to.deep.equal(readFileSync(join(gateway.dataDir, file)));
      expect(statSync(at("restored", file)).mode & 0o777).to.equal(0o600);
    }
    expect(existsSync(at("restored", "installation"))).to.equal(false);
    expect(
      await new LedgerFile(at("restored")).query("SELECT name FROM sqlite_schema WHERE name = 'backup_file'"),
    ).to.deep.equal([]);
    // The gateway itself, with the restored folder in the place of its own.
    await gateway.stop();
    rmSync(gateway.dataDir, { recursive: true });
    expect((await run("restore", "kept.sqlite")).code).to.equal(0);
    await gateway.launch();
    expect((await gateway.request(path)).body).to.deep.equal(before);
    const again = await gateway.request(path, { body: { prompt: "And again." } });
    expect(again.body).to.include({ success: true });
  });

  it("can be made of a closed ledger, and after a crash", async () => {
    await gateway.stop("SIGKILL");
    expect((await run("backup", "crashed.sqlite")).code).to.equal(0);
    expect(await integrityOf(at("crashed.sqlite"))).to.equal("ok");
    await gateway.launch();
    await gateway.stop();
    expect((await run("backup", "resting.sqlite")).code).to.equal(0);
    expect(await endedTurns(at("resting.sqlite"))).to.deep.equal(
      await endedTurns(join(gateway.dataDir, "ledger.sqlite")),
    );
    await gateway.launch();
  });

  it("replaces nothing, and reports obstacles in one line", async () => {
    await run("backup", "first.sqlite");
    const sum = checksum(at("first.sqlite"));
    truncateSync(at("copy-1.sqlite"), 8192);
    writeFileSync(at("notes.txt"), "no ledger\n".repeat(1000));
    const refused: readonly (readonly [readonly string[], string | RegExp])[] = [
      [["backup", "first.sqlite"], "backup: first.sqlite already exists; name a new file"],
      [["backup", "nowhere/x.sqlite"], "backup: directory not found: nowhere"],
      [
        ["backup", "x.sqlite", "--data-dir", "empty"],
        `ledger not found: ${at("empty")}/ledger.sqlite; check that this is the data folder of a gateway`,
      ],
      [["backup"], "backup must have one argument, the file to write; got 0"],
      [["restore", "first.sqlite"], `restore: ${gateway.dataDir} must be empty; move its content away first`],
      [["restore", "gone.sqlite", "--data-dir", "new"], "restore: file not found: gone.sqlite"],
      [
        ["restore", "notes.txt", "--data-dir", "new"],
        new RegExp(`^${at("notes.txt")} is not a backup, or is damaged \\(`),
      ],
      [["restore", ".", "--data-dir", "new"], "restore: . must be a file, got a directory"],
      [
        ["restore", "copy-1.sqlite", "--data-dir", "new"],
        new RegExp(`^${at("copy-1.sqlite")} is not a backup, or is damaged`),
      ],
    ];
    for (const [args, line] of refused) {
      const { code, stdout, stderr } = await run(...args);
      expect({ code, stdout, lines: stderr.split("\n").length }, stderr).to.deep.equal({
        // Invalid arguments of a command are a configuration fault.
        code: args.length === 1 ? 78 : 1,
        stdout: "",
        lines: 2,
      });
      const said = stderr.trim().replace("claudeway: ", "");
      if (typeof line === "string") expect(said).to.equal(line);
      else expect(said).to.match(line);
      expect(existsSync(at("new", "ledger.sqlite"))).to.equal(false);
    }
    expect(checksum(at("first.sqlite"))).to.equal(sum);
  });

  const CLUSTER = [
    'keys = ["admin:secret-of-16-chars-or-more"]',
    "[cluster]",
    'advertise = "http://10.0.0.5:3000"',
  ];
  const POSTGRES = 'url = "postgres://claudeway@127.0.0.1:9/claudeway"';
  const SETTINGS: readonly (readonly [string, readonly string[]])[] = [
    ["ledger_url", [`ledger_${POSTGRES}`]],
    ["[cluster] url", [...CLUSTER, `secret = "${"s".repeat(16)}"`, POSTGRES]],
  ];
  for (const [setting, lines] of SETTINGS) {
    it(`refuses a ledger that ${setting} says is in PostgreSQL, and restores none where it is`, async () => {
      writeFileSync(at("postgres.toml"), lines.join("\n"));
      expect((await run("backup", `of-${setting}.sqlite`)).code).to.equal(0);
      const env = { CLAUDE_WORKDIR: gateway.workdir, WRAPPER_KEYS: undefined };
      const args = ["backup", "postgres.sqlite", "--config", "postgres.toml"];
      const { code, stdout, stderr } = await runToEnd(args, gateway.dir, env);
      expect({ code, stdout, stderr }).to.deep.equal({
        code: 1,
        stdout: "",
        stderr: "claudeway: backup: the ledger is in PostgreSQL: back it up with pg_dump\n",
      });
      expect(existsSync(at("postgres.sqlite"))).to.equal(false);
      const back = ["restore", `of-${setting}.sqlite`, "--data-dir", "unused", "--config", "postgres.toml"];
      expect(await runToEnd(back, gateway.dir, env)).to.include({
        code: 1,
        stdout: "",
        stderr: "claudeway: restore: the ledger is in PostgreSQL: restore it with pg_restore\n",
      });
      expect(existsSync(at("unused"))).to.equal(false);
    });
  }

  it("leaves nothing of a restore that failed, which can be repeated then", async () => {
    await run("backup", "mended.sqlite");
    const change = async (sql: string) => {
      const { DatabaseSync } = await loadSqlite();
      const copy = new DatabaseSync(at("mended.sqlite"));
      copy.exec(sql);
      copy.close();
    };
    // The last one by name: others are kept before it.
    await change("INSERT INTO backup_file VALUES ('plugins/z/../z', x'01'), ('plugins/a/b/c', x'01')");
    mkdirSync(at("volume"));
    for (const folder of ["failed", "volume"]) {
      const existed = existsSync(at(folder));
      const { code, stderr } = await run("restore", "mended.sqlite", "--data-dir", folder);
      expect({ code, stderr }).to.deep.equal({
        code: 1,
        stderr: 'claudeway: restore: the backup contains an unexpected file: "plugins/z/../z"\n',
      });
      expect(existsSync(at(folder)), folder).to.equal(existed);
      expect(existed ? readdirSync(at(folder)) : []).to.deep.equal([]);
    }
    await change("DELETE FROM backup_file WHERE path LIKE '%..%'");
    for (const folder of ["failed", "volume"])
      expect((await run("restore", "mended.sqlite", "--data-dir", folder)).code).to.equal(0);
    expect(existsSync(at("volume", "plugins/a/b/c"))).to.equal(true);
  });

  it("writes no file outside the data folder", async () => {
    await run("backup", "evil.sqlite");
    const { DatabaseSync } = await loadSqlite();
    const copy = new DatabaseSync(at("evil.sqlite"));
    copy.prepare("INSERT INTO backup_file VALUES (?, ?)").run("plugins/../../evil", new Uint8Array([1]));
    copy.close();
    const { code, stderr } = await run("restore", "evil.sqlite", "--data-dir", "victim/data");
    expect(code).to.equal(1);
    expect(stderr).to.contain("contains an unexpected file");
    expect(existsSync(at("victim", "evil"))).to.equal(false);
    expect(existsSync(at("victim", "data", "ledger.sqlite"))).to.equal(false);
  });
});

async function integrityOf(file: string): Promise<unknown> {
  const { DatabaseSync } = await loadSqlite();
  const database = new DatabaseSync(file);
  const row = Object(database.prepare("PRAGMA integrity_check").get());
  database.close();
  return row["integrity_check"];
}

async function endedTurns(file: string): Promise<string[]> {
  const { DatabaseSync } = await loadSqlite();
  const database = new DatabaseSync(file);
  const rows = database.prepare('SELECT id FROM turns WHERE "end" IS NOT NULL ORDER BY seq').all();
  database.close();
  return rows.map((row) => String(Object(row)["id"]));
}

function checksum(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
