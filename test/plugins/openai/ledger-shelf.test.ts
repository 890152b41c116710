import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { LedgerShelf } from "#plugins/openai/ledger-shelf.js";
import { memoryStore } from "../memory-store.js";

const NUMBER = "0123456789abcdef0123456789abcdef";

describe("responses that are stored in the ledger", () => {
  it("are found at every gateway, however large, and gone at all when deleted", async () => {
    const store = memoryStore();
    const [a, b] = [new LedgerShelf(store, 60_000), new LedgerShelf(store, 60_000)];
    for (const bytes of [10, 59_999, 3_000_000]) {
      const json = Buffer.from(JSON.stringify(randomBytes(bytes).toString("base64")));
      await a.put(NUMBER, json);
      expect((await b.take(NUMBER))?.equals(json), `${bytes} bytes`).to.equal(true);
      await b.remove(NUMBER);
      expect(await a.take(NUMBER)).to.equal(undefined);
      expect((await store.list("")).entries).to.deep.equal([]);
    }
    expect(await a.take("f".repeat(32))).to.equal(undefined);
    await a.remove("f".repeat(32));
  });

  it("leave nothing behind when storing one ends half-way", async () => {
    const store = memoryStore();
    const json = Buffer.from(JSON.stringify(randomBytes(4_000_000).toString("base64")));
    for (const end of ["full", "away"] as const) {
      let writes = 0;
      const write: typeof store.write = async (changes) => {
        if (++writes !== 2) return store.write(changes);
        if (end === "away") throw new Error("the database is away");
        return { ok: false, reason: "full" };
      };
      const shelf = new LedgerShelf({ ...store, write }, 60_000);
      const refused = await shelf.put(NUMBER, json).catch((error: unknown) => error);
      expect(String(refused)).to.match(end === "full" ? /too many responses/ : /database is away/);
      expect((await store.list("")).entries, end).to.deep.equal([]);
    }
  });
});
