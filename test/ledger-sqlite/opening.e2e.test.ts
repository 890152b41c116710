import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { newFolder, newSession, rejection, removeFolders } from "../ledger/fixture.js";

const LEDGER = new URL("../../core/ledger-sqlite/dist/sqlite-ledger.js", import.meta.url).href;

/** Opens the ledger in another process, which says "open" or why not. */
const HOLDER = `
const { openLedger } = await import(process.argv[1]);
try {
  await openLedger({ dataDir: process.argv[2] });
  console.log("open");
  setInterval(() => {}, 1000);
} catch (error) {
  console.log(error.message);
}`;

describe("ledger: opening by several processes", () => {
  const children: ChildProcess[] = [];

  afterEach(async () => {
    for (const child of children.splice(0)) await kill(child);
    removeFolders();
  });

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  async function openElsewhere(dataDir: string): Promise<{ child: ChildProcess; said: string }> {
    const args = ["--no-warnings", "--input-type=module", "-e", HOLDER, LEDGER, dataDir];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const [data] = await once(child.stdout, "data");
    return { child, said: String(data).trim() };
  }

  async function refusal(dataDir: string): Promise<string> {
    const error = await rejection(openLedger({ dataDir }));
    expect(error).to.be.instanceOf(LedgerError);
    expect(error.message).to.not.include("\n");
    return error.message;
  }

  it("refuses a second opener, in any process, and the first continues", async () => {
    const dataDir = newFolder();
    const ledger = await openLedger({ dataDir });
    const wanted = `ledger ${join(dataDir, "ledger.sqlite")} is in use by another gateway (pid ${process.pid})`;
    expect(await refusal(dataDir)).to.equal(wanted);
    // The failed opener of this process must not have dropped this process's lock.
    expect((await openElsewhere(dataDir)).said).to.equal(wanted);
    expect((await openElsewhere(dataDir)).said).to.equal(wanted);
    await ledger.sessions.create(newSession());
    await ledger.close();
    expect((await openElsewhere(dataDir)).said).to.equal("open");
  });

  it("names the other gateway's pid, but not that of a killed one", async () => {
    const dataDir = newFolder();
    for (let round = 0; round < 3; round++) {
      const { child, said } = await openElsewhere(dataDir);
      expect(said).to.equal("open");
      expect(await refusal(dataDir)).to.match(
        new RegExp(`in use by another gateway \\(pid ${child.pid}\\)$`),
      );
      await kill(child);
    }
    // A pid that lives, but has no lock.
    writeFileSync(join(dataDir, "ledger.sqlite.pid"), "1\n");
    await (await openLedger({ dataDir })).close();
  });

  it("admits one of many concurrent openers", async () => {
    const dataDir = newFolder();
    const said = await Promise.all(
      Array.from({ length: 8 }, async () => (await openElsewhere(dataDir)).said),
    );
    expect(said.filter((line) => line === "open")).to.have.length(1);
    expect(said.filter((line) => line.includes("in use by another gateway"))).to.have.length(7);
  });
});
