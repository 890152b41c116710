import { definePlugin, type PluginStore } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { ChatPlaces } from "#chat/places.js";

const LIMITS = { maxSessions: 3, maxAgeMs: 1000 };

describe("places of chats", () => {
  let gateway: TestGateway;
  let store: PluginStore;
  let now = 0;
  let places: ChatPlaces;
  before(async () => {
    const plugin = definePlugin<object>({
      name: "keeper",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply(kernel) {
        store = kernel.store;
      },
    });
    gateway = await createTestGateway({ plugins: [plugin] });
  });
  after(() => gateway.close());
  beforeEach(async () => {
    for (const { key } of (await store.list("")).entries) await store.delete(key);
    now = 1000;
    places = new ChatPlaces(store, LIMITS, () => now);
  });

  const reach = async (sessionId: string, turnId: string, ...hashes: string[]) => {
    if ((await store.get(`s/${sessionId}`)) === undefined) await places.begin(sessionId, "bob", "sonnet");
    return places.reach({ sessionId, turnId }, hashes);
  };
  const outdated = async () => (await places.outdated()).map(({ sessionId }) => sessionId);

  it("lead from both forms of an answer to the session's turn", async () => {
    await reach("s", "t1", "streamed", "result");
    for (const hash of ["streamed", "result"])
      expect(await places.find(hash)).to.deep.equal({ sessionId: "s", turnId: "t1" });
    expect(await places.find("other")).to.equal(undefined);
  });

  it("are given to one request only, among many at once", async () => {
    await reach("s", "t1", "h");
    const claims = Array.from({ length: 10 }, () => places.claim({ sessionId: "s", turnId: "t1" }, "sonnet"));
    const outcomes = await Promise.all(claims);
    expect(outcomes.filter((outcome) => outcome === "claimed")).to.have.length(1);
    expect(outcomes.filter((outcome) => outcome === "busy")).to.have.length(9);
    await places.release({ sessionId: "s", turnId: "t1" });
    expect(await places.claim({ sessionId: "s", turnId: "t1" }, "haiku"), "another model").to.equal("busy");
    expect(await places.claim({ sessionId: "s", turnId: "t1" }, "sonnet")).to.equal("claimed");
  });

  it("are busy before a session's last turn, and gone with the session", async () => {
    await reach("s", "t1", "h1");
    await reach("s", "t2", "h2");
    expect(await places.claim({ sessionId: "s", turnId: "t1" }, "sonnet")).to.equal("busy");
    await places.forget("s");
    expect(await places.claim({ sessionId: "s", turnId: "t2" }, "sonnet")).to.equal("gone");
    expect(await places.find("h1")).to.equal(undefined);
  });

  it("stay with another session that reached the same chat", async () => {
    await reach("one", "t1", "h");
    await reach("two", "t2", "h");
    await places.forget("one");
    expect(await places.find("h")).to.deep.equal({ sessionId: "two", turnId: "t2" });
  });

  it("are bounded in age and number, the longest unused first", async () => {
    for (const sessionId of ["a", "b", "c"]) {
      await reach(sessionId, "t", sessionId);
      now++;
    }
    expect(await outdated()).to.deep.equal([]);
    await reach("a", "t2", "a2");
    expect(await places.begin("d", "bob", "sonnet")).to.equal(true);
    expect(await outdated()).to.deep.equal(["b"]);
    now += 1000;
    expect(await outdated()).to.have.members(["b", "c"]);
  });

  it("are not noted for a session that the full store has no note of", async () => {
    const full = new ChatPlaces({ ...store, set: async () => ({ ok: false, reason: "full" }) }, LIMITS);
    expect(await full.begin("s", "bob", "sonnet")).to.equal(false);
    expect(await places.reach({ sessionId: "s", turnId: "t1" }, ["h"])).to.equal(false);
    expect(await places.find("h")).to.equal(undefined);
  });

  it("keep the latest turns of a long session", async () => {
    for (let turn = 0; turn < 100; turn++) await reach("s", `t${turn}`, `h${turn}`);
    expect(await places.find("h9")).to.equal(undefined);
    expect(await places.find("h10")).to.deep.equal({ sessionId: "s", turnId: "t10" });
    const { entries } = await store.list("h/");
    expect(entries).to.have.length(90);
  });

  it("skip entries that another version wrote, and end their sessions", async () => {
    await store.set("s/old", { some: "thing" });
    await store.set("h/x", "y");
    expect(await places.find("x")).to.equal(undefined);
    expect(await places.claim({ sessionId: "old", turnId: "t" }, "sonnet")).to.equal("gone");
    now = 10_000;
    expect(await outdated()).to.deep.equal(["old"]);
  });
});
