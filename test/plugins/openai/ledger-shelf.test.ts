import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { ChatPlaces } from "#chat/places.js";
import { LedgerShelf, storeBesideResponses } from "#plugins/openai/ledger-shelf.js";
import { newNumber, numberIn } from "#plugins/openai/response-store.js";
import { memoryStore, smallStore } from "../memory-store.js";

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

  const numbered = (n: number) => n.toString(16).padStart(32, "0");

  it("are removed, the oldest first, where new ones need their room", async () => {
    const shelf = new LedgerShelf(smallStore(200), 60_000);
    const numbers = Array.from({ length: 120 }, (_, n) => numbered(n));
    for (const number of numbers) await shelf.put(number, Buffer.from(JSON.stringify(number)));
    const found = await Promise.all(numbers.map((number) => shelf.take(number)));
    const kept = numbers.filter((_, n) => found[n] !== undefined);
    expect(kept).to.deep.equal(numbers.slice(-kept.length));
    expect(kept.length).to.be.within(75, 100);
  });

  it("keep their own parts where all others are newer", async () => {
    const shelf = new LedgerShelf(smallStore(200), 60_000);
    for (let n = 1; n <= 100; n++) await shelf.put(numbered(n), Buffer.from("{}"));
    const json = Buffer.from(JSON.stringify(randomBytes(5_000_000).toString("base64")));
    await shelf.put(numbered(0), json);
    expect((await shelf.take(numbered(0)))?.equals(json)).to.equal(true);
    expect(await shelf.take(numbered(1))).to.equal(undefined);
    expect(await shelf.take(numbered(100))).to.not.equal(undefined);
  });

  it("make room for the sessions of chats", async () => {
    const store = smallStore(200);
    const shelf = new LedgerShelf(store, 60_000);
    for (let n = 0; n < 100; n++) await shelf.put(numbered(n), Buffer.from("{}"));
    const limits = { maxSessions: 500, maxAgeMs: 60_000 };
    expect(await new ChatPlaces(store, limits).begin("s", "bob", "sonnet"), "without it").to.equal(false);
    const places = new ChatPlaces(storeBesideResponses(store, shelf), limits);
    for (let n = 0; n < 60; n++) {
      expect(await places.begin(`s${n}`, "bob", "sonnet")).to.equal(true);
      expect(await places.reach({ sessionId: `s${n}`, turnId: "t" }, [`h${n}`])).to.equal(true);
      expect(await places.find(`h${n}`)).to.deep.equal({ sessionId: `s${n}`, turnId: "t" });
    }
    expect(await shelf.take(numbered(99))).to.not.equal(undefined);
    expect(await shelf.take(numbered(0))).to.equal(undefined);
  });

  it("have no room where the sessions of chats have taken it", async () => {
    const store = smallStore(20);
    const shelf = new LedgerShelf(store, 60_000);
    const places = new ChatPlaces(storeBesideResponses(store, shelf), { maxSessions: 500, maxAgeMs: 60_000 });
    for (let n = 0; n < 20; n++) await places.begin(`s${n}`, "bob", "sonnet");
    expect(await places.begin("s20", "bob", "sonnet")).to.equal(false);
    const refused = await shelf.put(NUMBER, Buffer.from("{}")).catch((error: unknown) => error);
    expect(refused).to.include({ status: 409 });
  });

  it("have numbers that begin with their time", () => {
    const before = Date.now();
    const number = newNumber();
    expect(Number.parseInt(number.slice(0, 12), 16)).to.be.within(before, Date.now());
    expect(numberIn(`resp_${number}`)).to.equal(number);
  });

  it("leave nothing behind when storing one ends half-way", async () => {
    const store = memoryStore();
    const json = Buffer.from(JSON.stringify(randomBytes(4_000_000).toString("base64")));
    for (const end of ["full", "away"] as const) {
      let writes = 0;
      const write: typeof store.write = async (changes) => {
        const isPiece = changes.some((change) => "value" in change);
        if (!isPiece || ++writes === 1) return store.write(changes);
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
