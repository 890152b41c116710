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
});
