import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { loadSqlite } from "#ledger-sqlite/sqlite.js";
import { cliEnvironment, runToEnd, TestGateway } from "../e2e/gateway.js";

const NEWER = "was written by a newer Claudeway (version 99; this one supports up to ";

describe("claudeway check of a ledger's file", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start();
  });
  after(() => gateway.dispose());

  const at = (folder: string) => join(gateway.dir, folder, "ledger.sqlite");

  /** The status, and the line about the ledger without its mark and name. */
  async function check(dataDir: string): Promise<{ code: number | null; mark: string; text: string }> {
    const env = { ...cliEnvironment(gateway.model, gateway.dir), CLAUDE_WORKDIR: gateway.workdir };
    const args = ["check", "--port", "0", "--data-dir", dataDir];
    const { code, stdout } = await runToEnd(args, gateway.dir, env);
    const [, mark = "", text = ""] = /^(ok|warn|FAIL) +ledger +(.*)$/m.exec(stdout) ?? [];
    return { code, mark, text };
  }
  /** Names and bytes; the -shm file is memory that connections share. */
  const contentOf = (folder: string) =>
    readdirSync(folder)
      .filter((name) => name.startsWith("ledger.sqlite") && !name.endsWith("-shm"))
      .map((name) => [name, readFileSync(join(folder, name)).toString("base64")]);

  async function make(folder: string, sql: string): Promise<void> {
    mkdirSync(join(gateway.dir, folder));
    copyFileSync(at("closed"), at(folder));
    await change(folder, sql);
  }
  async function change(folder: string, sql: string): Promise<void> {
    const { DatabaseSync } = await loadSqlite();
    const connection = new DatabaseSync(at(folder));
    connection.exec(sql);
    connection.close();
  }

  it("says that one is in use, and changes nothing, beside the gateway that runs", async () => {
    const before = contentOf(gateway.dataDir);
    const { code, mark, text } = await check(gateway.dataDir);
    expect({ code, mark }).to.deep.equal({ code: 0, mark: "ok" });
    expect(text)
      .to.match(/ledger\.sqlite, version \d+, in use by a gateway \(pid \d+\)$/)
      .and.contain(gateway.pid);
    expect(contentOf(gateway.dataDir)).to.deep.equal(before);
  });

  it("reads one whose gateway was killed, and changes nothing", async () => {
    await gateway.stop("SIGKILL");
    const before = contentOf(gateway.dataDir);
    const { mark, text } = await check(gateway.dataDir);
    expect({ mark, text: text.replace(/\d+$/, "N") }).to.deep.equal({
      mark: "ok",
      text: `${join(gateway.dataDir, "ledger.sqlite")}, version N`,
    });
    expect(contentOf(gateway.dataDir)).to.deep.equal(before);
    await gateway.launch();
  });

  it("reads one that was closed, or is missing, and makes no file", async () => {
    await gateway.stop();
    mkdirSync(join(gateway.dir, "closed"));
    copyFileSync(join(gateway.dataDir, "ledger.sqlite"), at("closed"));
    expect((await check("closed")).text).to.match(/closed\/ledger\.sqlite, version \d+$/);
    expect(readdirSync(join(gateway.dir, "closed"))).to.deep.equal(["ledger.sqlite"]);
    mkdirSync(join(gateway.dir, "empty"));
    expect(await check("empty")).to.deep.equal({
      code: 0,
      mark: "ok",
      text: `${at("empty")} (will be created)`,
    });
    expect(readdirSync(join(gateway.dir, "empty"))).to.deep.equal([]);
    await gateway.launch();
  });

  it("refuses one of a newer version, a foreign one and a damaged one, as a start does", async () => {
    await make("newer", "PRAGMA user_version = 99");
    await make("foreign", "PRAGMA application_id = 1");
    await make("torn", "PRAGMA user_version");
    writeFileSync(at("torn"), readFileSync(at("torn")).fill(7, 4096, 16_384));
    mkdirSync(join(gateway.dir, "stump"));
    writeFileSync(at("stump"), "x");
    mkdirSync(join(gateway.dir, "text"));
    writeFileSync(at("text"), "no ledger\n".repeat(1000));
    const said: readonly (readonly [string, string])[] = [
      ["newer", `ledger ${at("newer")} ${NEWER}`],
      ["foreign", `${at("foreign")} is a SQLite file, but not a ledger of Claudeway`],
      ["torn", `ledger ${at("torn")} is damaged; `],
      ["stump", `ledger ${at("stump")} is damaged; `],
      ["text", `ledger ${at("text")} is damaged; `],
    ];
    for (const [folder, line] of said) {
      const { code, mark, text } = await check(folder);
      expect({ code, mark }, text).to.deep.equal({ code: 1, mark: "FAIL" });
      expect(text).to.contain(line);
      expect(readdirSync(join(gateway.dir, folder))).to.deep.equal(["ledger.sqlite"]);
      const { stderr } = await runToEnd(["--port", "0", "--data-dir", folder], gateway.dir, {
        CLAUDE_WORKDIR: gateway.workdir,
      });
      expect(stderr).to.contain(line);
    }
  });
});
