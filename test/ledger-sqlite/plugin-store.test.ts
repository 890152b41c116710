import { join } from "node:path";
import type { Ledger, StoredChange } from "@claudeway/ports";
import { expect } from "chai";
import { readBackup, writeBackup } from "#ledger-sqlite/backup.js";
import { openLedger, openTables } from "#ledger-sqlite/sqlite-ledger.js";
import { newFolder, removeFolders } from "../ledger/fixture.js";

const MANY = 1000;

function change(key: string, values: Partial<StoredChange> = {}): StoredChange {
  return { key, json: "1", expected: undefined, ttlMs: undefined, ...values };
}

describe("ledger: state of plugins", () => {
  let folder: string;
  let ledger: Ledger;

  beforeEach(async () => {
    folder = newFolder();
    ledger = await openLedger({ dataDir: folder });
  });
  afterEach(async () => {
    await ledger.close();
    removeFolders();
  });

  const write = (changes: readonly StoredChange[], maxEntries = MANY) =>
    ledger.pluginStore.write("a", { changes, maxEntries });

  it("changes nothing when SQLite fails midway, and counts right afterwards", async () => {
    const { tables, database, close } = await openTables({ dataDir: newFolder() });
    try {
      const twice = { changes: [change("x"), change("y")], maxEntries: 2 };
      database.perform(tables.pluginStore.write("a", { changes: [change("z")], maxEntries: 2 }));
      database.exec(
        "CREATE TRIGGER failing BEFORE INSERT ON plugin_store WHEN new.key = 'y' BEGIN SELECT raise(ABORT, 'no'); END",
      );
      expect(() => database.perform(tables.pluginStore.write("a", { ...twice, maxEntries: 3 }))).to.throw(
        "no",
      );
      database.exec("DROP TRIGGER failing");
      expect(database.perform(tables.pluginStore.write("a", twice))).to.deep.equal({
        ok: false,
        reason: "full",
      });
      expect(
        database.perform(tables.pluginStore.write("a", { changes: [change("x")], maxEntries: 2 })).ok,
      ).to.equal(true);
    } finally {
      close();
    }
  });

  it("is in backups", async () => {
    await write([change("kept", { json: '{"n":1}' })]);
    const before = await ledger.pluginStore.get("a", "kept");
    const copy = join(folder, "copy.sqlite");
    await writeBackup(join(folder, "ledger.sqlite"), copy, []);
    const other = newFolder();
    await readBackup(copy, join(other, "ledger.sqlite"), () => undefined);
    const restored = await openLedger({ dataDir: other });
    try {
      expect(await restored.pluginStore.get("a", "kept")).to.deep.equal(before);
      const next = await restored.pluginStore.write("a", { changes: [change("kept")], maxEntries: 1 });
      expect(next.ok && (next.versions[0] ?? 0) > (before?.version ?? 0)).to.equal(true);
    } finally {
      await restored.close();
    }
  });
});
