import { definePlugin, type Scope } from "@claudeway/core";
import { GatewayError } from "@claudeway/ports";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { ChatPlaces } from "#chat/places.js";
import { ChatSessions } from "#chat/sessions.js";
import { sweepSessions } from "#chat/sweep.js";
import { eventually } from "../e2e/poll.js";
import { deferred, pause } from "../kernel/kit.js";
import { memoryStore } from "../plugins/memory-store.js";

/** All sessions are too old at once. */
const LIMITS = { maxSessions: 10, maxAgeMs: -1 };

describe("the sweep of chats' sessions", () => {
  it("ends no session whose turn runs", async () => {
    let services: Scope<"turns"> | undefined;
    const holder = definePlugin<object, "turns">({
      name: "holder",
      apiVersion: 1,
      configSchema: { type: "object" },
      needs: ["turns"],
      apply(kernel) {
        services = kernel;
        const { turns, store, sessions: view, log } = kernel;
        const places = new ChatPlaces(store, LIMITS);
        const sessions = new ChatSessions({ turns, view, places, log, systemPrompt: "" });
        sweepSessions(places, sessions, kernel, 20);
      },
    });
    const gateway = await createTestGateway({
      plugins: [holder],
      async *replies() {
        await over.promise;
        yield "fine";
      },
    });
    const over = deferred();
    try {
      if (services === undefined) throw new Error("the plugin is off");
      const { turns, store, sessions } = services;
      const [busy, idle] = [await turns.startSession("user"), await turns.startSession("user")];
      const turn = await turns.prompt("user", busy.id, { prompt: "hello" });
      for (const { id } of [busy, idle]) await new ChatPlaces(store, LIMITS).begin(id, "user", "sonnet");
      await eventually("the end of the idle one", async () => (await sessions.get(idle.id)) === undefined);
      await pause(100);
      over.resolve();
      expect(await turn.result()).to.include({ success: true, result: "fine" });
      await eventually("the end of the other", async () => (await sessions.get(busy.id)) === undefined);
    } finally {
      await gateway.close();
    }
  });

  it("ends the others if one can't be ended, and that one later", async () => {
    const ended: string[] = [];
    let away = true;
    const store = memoryStore();
    const places = new ChatPlaces(store, LIMITS);
    const warnings: unknown[] = [];
    const log = Object({ warn: (fields: unknown) => warnings.push(fields) });
    const turns = Object({
      endSession: async (_keyId: string, sessionId: string) => {
        if (sessionId === "one" && away) throw new GatewayError("UNAVAILABLE", "its node does not answer");
        ended.push(sessionId);
      },
    });
    const view = { turns: async () => ({ turns: [], total: 0, page: 1, limit: 1 }) };
    const sessions = new ChatSessions({ turns, view, places, log, systemPrompt: "" });
    for (const id of ["one", "two"]) await places.begin(id, "bob", "sonnet");
    const disposers: (() => unknown)[] = [];
    sweepSessions(places, sessions, { log, onDispose: (dispose) => disposers.push(dispose) }, 20);
    try {
      await eventually("a sweep", () => warnings.length > 0 && ended.length > 0, 60_000);
      expect(ended).to.deep.equal(["two"]);
      away = false;
      await eventually("another sweep", () => ended.length > 1, 60_000);
      expect(ended).to.deep.equal(["two", "one"]);
    } finally {
      for (const dispose of disposers) await dispose();
    }
    expect((await store.list("")).entries).to.deep.equal([]);
  });
});
