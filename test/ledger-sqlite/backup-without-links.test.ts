import fs, { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { mock } from "node:test";
import { expect } from "chai";
import { readBackup, writeBackup } from "#ledger-sqlite/backup.js";
import { LEDGER_FILE } from "#ledger-sqlite/lock.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { newFolder, newSession, rejection, removeFolders } from "../ledger/fixture.js";

/** What CIFS, exFAT and file systems in user space answer to a hard link. */
const REFUSALS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

describe("a backup where the file system has no hard links", () => {
  afterEach(() => {
    mock.reset();
    syncBuiltinESMExports();
    removeFolders();
  });

  function refuseLinks(code: string): void {
    mock.method(fs, "linkSync", () => {
      throw Object.assign(new Error(`${code}: link`), { code });
    });
    syncBuiltinESMExports();
  }

  for (const code of REFUSALS) {
    it(`is written and restored (${code})`, async () => {
      const session = newSession();
      const folder = newFolder();
      const ledger = await openLedger({ dataDir: folder });
      await ledger.sessions.create(session);
      refuseLinks(code);
      const target = join(folder, "backup.sqlite");
      await writeBackup(join(folder, LEDGER_FILE), target, []);
      await ledger.close();
      expect(statSync(target).mode & 0o777).to.equal(0o600);

      const restored = newFolder();
      await readBackup(target, join(restored, LEDGER_FILE), () => undefined);
      expect(readdirSync(restored)).to.deep.equal([LEDGER_FILE]);
      const again = await openLedger({ dataDir: restored });
      expect((await again.sessions.get(session.id))?.id).to.equal(session.id);
      await again.close();
    });
  }

  it("replaces no file that appeared meanwhile, and hides no other fault", async () => {
    const folder = newFolder();
    await (await openLedger({ dataDir: folder })).close();
    const target = join(folder, "backup.sqlite");
    writeFileSync(target, "kept");
    refuseLinks("EPERM");
    expect((await rejection(writeBackup(join(folder, LEDGER_FILE), target, []))).message).to.include(
      "EEXIST",
    );
    expect(readFileSync(target, "utf8")).to.equal("kept");
    refuseLinks("EIO");
    const other = join(folder, "other.sqlite");
    expect((await rejection(writeBackup(join(folder, LEDGER_FILE), other, []))).message).to.include("EIO");
    expect(existsSync(other)).to.equal(false);
  });
});
