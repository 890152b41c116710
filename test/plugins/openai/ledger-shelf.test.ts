import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { ChatPlaces } from "#chat/places.js";
import { LedgerShelf, storeBesideResponses } from "#plugins/openai/ledger-shelf.js";
import { newNumber, numberIn } from "#plugins/openai/response-store.js";
import { memoryStore, smallStore } from "../memory-store.js";

const NUMBER = "0123456789abcdef0123456789abcdef";
const OWNER = '{"keyId":"bob",';

describe("responses that are stored in the ledger", () => {
  it("are found at every gateway, however large, and gone at all when deleted", async () => {
    const store = memoryStore();
    const [a, b] = [new LedgerShelf(store, 60_000), new LedgerShelf(store, 60_000)];
    for (const bytes of [10, 59_999, 3_000_000]) {
      const json = Buffer.from(JSON.stringify(randomBytes(bytes).toString("base64")));
      await a.put(NUMBER, OWNER, json);
      expect((await b.take(NUMBER, OWNER))?.equals(json), `${bytes} bytes`).to.equal(true);
      await b.remove(NUMBER, OWNER);
      expect(await a.take(NUMBER, OWNER)).to.equal(undefined);
      expect((await store.list("")).entries).to.deep.equal([]);
    }
    expect(await a.take("f".repeat(32), OWNER)).to.equal(undefined);
    await a.remove("f".repeat(32), OWNER);
  });

  it("are unknown to other owners, which can't delete them", async () => {
    const shelf = new LedgerShelf(memoryStore(), 60_000);
    await shelf.put(NUMBER, OWNER, Buffer.from("{}"));
    const spend = () => expect.fail("nothing is read");
    expect(await shelf.take(NUMBER, '{"keyId":"bo",', spend)).to.equal(undefined);
    expect(await shelf.remove(NUMBER, '{"keyId":"bo",')).to.equal(false);
    expect(await shelf.remove(NUMBER, OWNER)).to.equal(true);
    expect(await shelf.take(NUMBER, OWNER)).to.equal(undefined);
  });

  it("are not stored where another gateway removes their first parts meanwhile", async () => {
    const store = memoryStore();
    let writes = 0;
    const write: typeof store.write = async (changes) => {
      const result = await store.write(changes);
      if (++writes === 1) await store.delete(`responses/${NUMBER}/0000`);
      return result;
    };
    const json = Buffer.from(JSON.stringify(randomBytes(4_000_000).toString("base64")));
    const refused = await new LedgerShelf({ ...store, write }, 60_000)
      .put(NUMBER, OWNER, json)
      .catch((error: unknown) => error);
    expect(refused).to.include({ status: 409 });
    expect((await store.list("")).entries).to.deep.equal([]);
  });

  const numbered = (n: number) => n.toString(16).padStart(32, "0");

  it("are removed, the oldest first, where new ones need their room", async () => {
    const shelf = new LedgerShelf(smallStore(200), 60_000);
    const numbers = Array.from({ length: 120 }, (_, n) => numbered(n));
    for (const number of numbers) await shelf.put(number, OWNER, Buffer.from(JSON.stringify(number)));
    const found = await Promise.all(numbers.map((number) => shelf.take(number, OWNER)));
    const kept = numbers.filter((_, n) => found[n] !== undefined);
    expect(kept).to.deep.equal(numbers.slice(-kept.length));
    expect(kept.length).to.be.within(75, 100);
  });

  it("keep their own parts where all others are newer", async () => {
    const shelf = new LedgerShelf(smallStore(200), 60_000);
    for (let n = 1; n <= 100; n++) await shelf.put(numbered(n), OWNER, Buffer.from("{}"));
    const json = Buffer.from(JSON.stringify(randomBytes(5_000_000).toString("base64")));
    await shelf.put(numbered(0), OWNER, json);
    expect((await shelf.take(numbered(0), OWNER))?.equals(json)).to.equal(true);
    expect(await shelf.take(numbered(1), OWNER)).to.equal(undefined);
    expect(await shelf.take(numbered(100), OWNER)).to.not.equal(undefined);
  });

  it("make room for the sessions of chats", async () => {
    const store = smallStore(200);
    const shelf = new LedgerShelf(store, 60_000);
    for (let n = 0; n < 100; n++) await shelf.put(numbered(n), OWNER, Buffer.from("{}"));
    const limits = { maxSessions: 500, maxAgeMs: 60_000 };
    expect(await new ChatPlaces(store, limits).begin("s", "bob", "sonnet"), "without it").to.equal(false);
    const places = new ChatPlaces(storeBesideResponses(store, shelf), limits);
    for (let n = 0; n < 60; n++) {
      expect(await places.begin(`s${n}`, "bob", "sonnet")).to.equal(true);
      expect(await places.reach({ sessionId: `s${n}`, turnId: "t" }, [`h${n}`])).to.equal(true);
      expect(await places.find(`h${n}`)).to.deep.equal({ sessionId: `s${n}`, turnId: "t" });
    }
    expect(await shelf.take(numbered(99), OWNER)).to.not.equal(undefined);
    expect(await shelf.take(numbered(0), OWNER)).to.equal(undefined);
  });

  it("have no room where the sessions of chats have taken it", async () => {
    const store = smallStore(20);
    const shelf = new LedgerShelf(store, 60_000);
    const places = new ChatPlaces(storeBesideResponses(store, shelf), { maxSessions: 500, maxAgeMs: 60_000 });
    for (let n = 0; n < 20; n++) await places.begin(`s${n}`, "bob", "sonnet");
    expect(await places.begin("s20", "bob", "sonnet")).to.equal(false);
    const refused = await shelf.put(NUMBER, OWNER, Buffer.from("{}")).catch((error: unknown) => error);
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
      const refused = await shelf.put(NUMBER, OWNER, json).catch((error: unknown) => error);
      expect(String(refused)).to.match(end === "full" ? /too many responses/ : /database is away/);
      expect((await store.list("")).entries, end).to.deep.equal([]);
    }
  });
});
