import { randomUUID } from "node:crypto";
import type { PluginStore } from "@claudeway/core";
import { expect } from "chai";
import { Prompts } from "#plugins/mcp/prompts.js";
import { Resources } from "#plugins/mcp/resources.js";
import { SessionTable } from "#plugins/mcp/session-table.js";
import { SharedSessions } from "#plugins/mcp/shared-sessions.js";
import { eventually } from "../../e2e/poll.js";
import { memoryStore } from "../memory-store.js";

const BOB = { keyId: "bob", admin: false };
const EVE = { keyId: "eve", admin: false };
const CALL = { caller: BOB, address: undefined };
const TOO_MANY = { status: 429, message: "too many MCP sessions are open; close one" };

/** All keys share the entries of one store. */
describe("mcp: the room of a key in the store of several gateways", () => {
  const tables: SessionTable[] = [];
  afterEach(() => Promise.all(tables.splice(0).map((table) => table.close())));

  /** The sessions of one gateway, two of each key. */
  function gateway(store: PluginStore, idleMs = 60_000): SessionTable {
    const log = Object({ debug: () => undefined, warn: () => undefined });
    const sessions = Object({ list: async () => ({ sessions: [], total: 0 }) });
    const parts = {
      tools: [],
      resources: new Resources({ sessions, maxBytes: 1000 }),
      prompts: new Prompts({ commands: async () => [] }),
      version: "1",
      log,
    };
    const shared = new SharedSessions(store, idleMs);
    const table = new SessionTable(parts, { maxPerKey: 2, idleMs, shared, log });
    tables.push(table);
    return table;
  }

  const records = async (store: PluginStore) => (await store.list("session/")).entries.map(({ key }) => key);
  const refusal = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      ({ status, message }: { status: number; message: string }) => ({ status, message }),
    );

  it("has no records of replaced sessions", async () => {
    const store = memoryStore();
    const table = gateway(store);
    const strange = await table.begin(EVE);
    const begun = [];
    for (let n = 0; n < 6; n++) begun.push((await table.begin(BOB)).id);
    expect(await records(store)).to.have.length(3);
    for (const id of begun.slice(0, 4))
      expect(await refusal(table.find(BOB, id))).to.include({ status: 404 });
    for (const id of begun.slice(4)) expect((await table.find(BOB, id)).id).to.equal(id);
    expect((await table.find(EVE, strange.id)).id).to.equal(strange.id);
  });

  it("does not grow by sessions that other gateways go on with", async () => {
    const store = memoryStore();
    const [a, b] = [gateway(store), gateway(store)];
    for (let n = 0; n < 6; n++) await b.find(BOB, (await a.begin(BOB)).id);
    expect(await records(store)).to.have.length(2);
  });

  it("keeps the sessions that another gateway has used since", async () => {
    const store = memoryStore();
    const [a, b] = [gateway(store), gateway(store)];
    const [used, unused] = [await a.begin(BOB), await a.begin(BOB)];
    await b.find(BOB, used.id);
    const last = await a.begin(BOB);
    for (const table of [a, b]) {
      expect((await table.find(BOB, used.id)).id).to.equal(used.id);
      expect((await table.find(BOB, last.id)).id).to.equal(last.id);
      expect(await refusal(table.find(BOB, unused.id))).to.include({ status: 404 });
    }
  });

  it("keeps the sessions that answer a request, here or at another gateway", async () => {
    const store = memoryStore();
    const [a, b] = [gateway(store), gateway(store, 200)];
    const [here, unused] = [await a.begin(BOB), await a.begin(BOB)];
    here.begin(1, CALL);
    const there = await a.begin(BOB);
    expect(await refusal(a.find(BOB, unused.id))).to.include({ status: 404 });
    there.begin(1, CALL);
    expect(await refusal(a.begin(BOB))).to.deep.equal(TOO_MANY);
    (await b.find(EVE, (await b.begin(EVE)).id)).begin(1, CALL);
    const version = async () => (await store.list("session/eve/")).entries[0]?.version;
    const before = await version();
    await eventually("a later end of its record", async () => (await version()) !== before);
  });

  it("ends no session on which a request begins while others are ended", async () => {
    const store = memoryStore();
    const ids = [randomUUID(), randomUUID(), randomUUID()] as const;
    const deleting = new Map<string, () => void>();
    const table = gateway({
      ...store,
      delete: async (key) => {
        deleting.get(key)?.();
        return store.delete(key);
      },
    });
    const other = new SharedSessions(store, 60_000);
    for (const id of ids.slice(0, 2)) await other.add(id, "bob");
    const used = await table.find(BOB, ids[1]);
    await other.add(ids[2], "bob");
    const signals: AbortSignal[] = [];
    deleting.set(`session/bob/${ids[0]}`, () => signals.push(used.begin(1, CALL).signal));
    const last = await table.begin(BOB);
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false]);
    expect(await records(store)).to.have.members([`session/bob/${used.id}`, `session/bob/${last.id}`]);
    deleting.set(`session/bob/${last.id}`, () => signals.push(last.begin(1, CALL).signal));
    expect(await refusal(table.begin(BOB))).to.deep.equal(TOO_MANY);
    expect(signals.map(({ aborted }) => aborted)).to.deep.equal([false, false]);
  });

  it("lets calls end whose session another gateway has ended", async () => {
    const store = memoryStore();
    const [a, b] = [gateway(store), gateway(store)];
    const session = await b.find(BOB, (await a.begin(BOB)).id);
    const { signal, end } = session.begin(1, CALL);
    for (let n = 0; n < 2; n++) await a.begin(BOB);
    expect(await refusal(b.find(BOB, session.id))).to.include({ status: 404 });
    expect(signal.aborted).to.equal(false);
    end();
    expect(await refusal(b.find(BOB, session.id))).to.include({ status: 404 });
  });

  it("counts a session as used at each request that is refused", async () => {
    const store = memoryStore();
    const [a, b] = [gateway(store), gateway(store)];
    for (let n = 0; n < 2; n++) (await b.find(BOB, (await a.begin(BOB)).id)).begin(1, CALL);
    const { id } = await a.begin(BOB);
    const versions = new Set<number | undefined>();
    for (let n = 0; n < 3; n++) {
      expect(await refusal(b.find(BOB, id))).to.deep.equal(TOO_MANY);
      versions.add((await store.get(`session/bob/${id}`))?.version);
    }
    expect(versions.size).to.equal(3);
  });

  it("refuses a session that the store has no room for", async () => {
    const store = memoryStore();
    const full: PluginStore = { ...store, set: async () => ({ ok: false, reason: "full" }) };
    expect(await refusal(gateway(full).begin(BOB))).to.deep.equal(TOO_MANY);
  });

  it("has 256 cancellations of a key at once", async () => {
    const store = memoryStore();
    const table = gateway(store);
    const [session, strange] = [await table.begin(BOB), await table.begin(EVE)];
    for (let id = 0; id < 256; id++) await table.cancel(session, id);
    expect(await refusal(table.cancel(session, 256))).to.include({ status: 429 });
    await table.cancel(strange, 1);
    const found = [];
    for (let after: string | undefined; ; ) {
      const { entries, next } = await store.list("cancelled/", after === undefined ? {} : { after });
      found.push(...entries);
      if (next === undefined) break;
      after = next;
    }
    expect(found).to.have.length(257);
  });
});
