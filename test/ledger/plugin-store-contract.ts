import type { Ledger, StoredChange } from "@claudeway/ports";
import { expect } from "chai";
import { newFolder, removeFolders } from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const MANY = 1000;

function change(key: string, values: Partial<StoredChange> = {}): StoredChange {
  return { key, json: "1", expected: undefined, ttlMs: undefined, ...values };
}

export function pluginStoreContract(openLedger: OpenLedger): void {
  describe("state of plugins", () => {
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
    const list = async (prefix = "", after?: string, limit = MANY) =>
      (await ledger.pluginStore.list("a", { prefix, after, limit })).map(({ key }) => key);

    it("never gives a version twice, also after a delete and another start", async () => {
      const first = await write([change("k")]);
      const deleted = await write([change("k", { json: undefined })]);
      expect(deleted).to.deep.equal(first);
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
      const second = await write([change("k")]);
      expect(first.ok && second.ok && (second.versions[0] ?? 0) > (first.versions[0] ?? 0)).to.equal(true);
    });

    it("writes all changes or none", async () => {
      await write([change("there")]);
      const conflict = await write([change("new"), change("there", { expected: null })]);
      expect(conflict).to.include({ ok: false, reason: "conflict", key: "there" });
      expect(await list()).to.deep.equal(["there"]);
    });

    it("refuses more entries than allowed, and accepts one for each that is deleted in the same write", async () => {
      expect(await write([change("a"), change("b")], 2)).to.have.property("ok", true);
      expect(await write([change("c")], 2)).to.deep.equal({ ok: false, reason: "full" });
      expect(await write([change("b", { json: "2" })], 2)).to.have.property("ok", true);
      expect(await write([change("c"), change("a", { json: undefined })], 2)).to.have.property("ok", true);
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
      expect(await write([change("d")], 2)).to.deep.equal({ ok: false, reason: "full" });
    });

    it("counts an expired entry as missing, and its place as free", async () => {
      await write([change("soon", { ttlMs: 1 })], 1);
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(await ledger.pluginStore.get("a", "soon")).to.equal(undefined);
      expect(await list()).to.deep.equal([]);
      expect(await write([change("soon", { expected: null })], 1)).to.have.property("ok", true);
      expect((await ledger.pluginStore.get("a", "soon"))?.expiresAt).to.equal(undefined);
    });

    it("lists by prefix in the order of the bytes, in pages", async () => {
      const keys = ["a", "a/", "a/1", "a/2", "a/~", "a/é", "a/\u{1f600}", "a0", "b"];
      for (const key of keys.toReversed()) await write([change(key)]);
      expect(await list("a/")).to.deep.equal(["a/", "a/1", "a/2", "a/~", "a/é", "a/\u{1f600}"]);
      expect(await list("a/", "a/1", 2)).to.deep.equal(["a/2", "a/~"]);
      expect(await list()).to.deep.equal(keys);
      expect(await list("a%")).to.deep.equal([]);
    });
  });
}
