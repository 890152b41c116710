import { definePlugin, type PluginStore, type Scope } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { openChat } from "#chat/open-chat.js";
import type { ChatTurns } from "#chat/turns.js";
import { eventually } from "../e2e/poll.js";

describe("chats whose plugin's part of the ledger is full", () => {
  let gateway: TestGateway;
  let chats: ChatTurns;
  let kernel: Scope<"turns">;
  /** The sessions that were to be noted. */
  const begun: string[] = [];
  const warnings: unknown[] = [];
  let isAway = false;
  let writesFail = false;
  before(async () => {
    const plugin = definePlugin<object, "turns">({
      name: "holder",
      apiVersion: 1,
      configSchema: { type: "object" },
      needs: ["turns"],
      apply(scope) {
        kernel = scope;
        const full = { ok: false, reason: "full" } as const;
        const store: PluginStore = {
          ...scope.store,
          set: async (key, value, options) => {
            begun.push(key.replace("s/", ""));
            if (isAway) throw new Error("the ledger is away");
            return writesFail ? await scope.store.set(key, value, options) : full;
          },
          write: async () => {
            if (writesFail) throw new Error("the ledger is away");
            return full;
          },
        };
        const settings = {
          system_prompt: "You are a helpful assistant.",
          timeout_secs: 60,
          side_job_model: "haiku",
          aliases: {},
          conversations: { max: 10, max_age_hours: 1 },
        };
        const { turns, sessions, onDispose } = scope;
        const log = Object({ warn: (_fields: unknown, text: unknown) => warnings.push(text) });
        chats = openChat(Object({ turns, sessions, onDispose, log }), settings, store);
      },
    });
    gateway = await createTestGateway({ plugins: [plugin], replies: () => "fine" });
  });
  after(() => gateway.close());

  beforeEach(() => {
    begun.length = 0;
  });

  /** The results of a request's turns. */
  async function resultsOf(): Promise<string[]> {
    const request = {
      keyId: "user",
      model: { id: "sonnet", name: "sonnet", agent: false },
      system: undefined,
      messages: [{ role: "user" as const, content: [{ type: "text" as const, text: "hello" }] }],
      conversationId: undefined,
      effort: undefined,
      thinking: undefined,
      showsThinking: false,
      schema: undefined,
      schemaParam: "",
      tools: undefined,
    };
    const results: string[] = [];
    for await (const event of chats.run(request, new AbortController().signal))
      if (event.type === "end") results.push(event.response.result);
    return results;
  }

  it("end each session after its turn, and log it", async () => {
    expect(await resultsOf()).to.deep.equal(["fine"]);
    expect(begun).to.have.length(1);
    expect(warnings).to.include("a chat's session could not be noted: it is ended after its turn");
    const [id = ""] = begun;
    await eventually("its end", async () => (await kernel.sessions.get(id)) === undefined);
  });

  it("give the answer also where the ledger fails after its turn", async () => {
    writesFail = true;
    expect(await resultsOf()).to.deep.equal(["fine"]);
    writesFail = false;
    expect(warnings.at(-1)).to.equal("a conversation could not be noted: it goes on in a new session");
    const [id = ""] = begun;
    await eventually("its end", async () => (await kernel.sessions.get(id)) === undefined);
  });

  it("end a session that can't be noted since the ledger is away", async () => {
    isAway = true;
    expect(await resultsOf().catch(String)).to.equal("Error: the ledger is away");
    const [id = ""] = begun;
    expect(id).not.to.equal("");
    expect(await kernel.sessions.get(id)).to.equal(undefined);
  });
});
