import { mock } from "node:test";
import type { PluginStore } from "@claudeway/core";
import { expect } from "chai";
import { SharedSessions } from "#plugins/mcp/shared-sessions.js";
import { memoryStore } from "../memory-store.js";

const ID = "00000000-0000-4000-8000-000000000001";

describe("mcp: sessions of several gateways", () => {
  it("stay ended at all of them, also if one looks for the session meanwhile", async () => {
    const store = memoryStore();
    const one = new SharedSessions(store, 60_000);
    await one.add(ID, "bob");
    const late: PluginStore = {
      ...store,
      get: async (key) => {
        const entry = await store.get(key);
        await one.delete(ID, "bob");
        return entry;
      },
    };
    await new SharedSessions(late, 60_000).has(ID, "bob");
    expect((await store.list("")).entries).to.deep.equal([]);
  });

  it("are kept while any of them uses them", async () => {
    const store = memoryStore();
    await new SharedSessions(store, 60_000).add(ID, "bob");
    const version = async () => (await store.get(`session/bob/${ID}`))?.version;
    const before = await version();
    const other = new SharedSessions(store, 60_000);
    expect(await other.has(ID, "bob")).to.equal(true);
    expect(await version()).to.not.equal(before);
    expect(await other.has(ID, "eve")).to.equal(false);
  });

  it("have uses that are known to the minute", async () => {
    mock.timers.enable({ apis: ["Date"], now: Date.now() });
    try {
      const store = memoryStore();
      const sessions = new SharedSessions(store, 600_000);
      await sessions.add(ID, "bob");
      const versions = new Set<number | undefined>();
      for (let minute = 0; minute < 4; minute++) {
        mock.timers.tick(60_000);
        await sessions.has(ID, "bob");
        versions.add((await store.get(`session/bob/${ID}`))?.version);
      }
      expect(versions.size).to.equal(4);
    } finally {
      mock.timers.reset();
    }
  });
});
