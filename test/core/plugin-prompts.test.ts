import {
  definePlugin,
  type PromptRequest,
  Refusal,
  type TurnInfo,
  type TurnPlan,
  type TurnRunner,
} from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { rejection } from "../kernel/kit.js";

const IMAGE = { type: "image", source: { type: "url", url: "https://example.invalid/x.png" } } as const;

const LIMIT = "meet the limit";
const RESETS_AT = new Date(Date.now() + 3_600_000).toISOString();
const FAILURE = { code: "USAGE_LIMIT", limit: "five_hour", resetsAt: RESETS_AT } as const;

describe("prompts of plugins", () => {
  let gateway: TestGateway;
  let turns: TurnRunner;
  const seen: { plan: TurnPlan; turn: TurnInfo }[] = [];
  before(async () => {
    const plugin = definePlugin<object, "turns">({
      name: "prompter",
      apiVersion: 1,
      configSchema: { type: "object", additionalProperties: false },
      needs: ["turns"],
      apply(kernel) {
        turns = kernel.turns;
        kernel.hooks.beforeExecute.tap("see", (plan, turn) => {
          seen.push({ plan, turn });
          if (plan.prompt === "refuse me") throw new Refusal(402, "no money left");
          if (plan.prompt !== "redact me") return undefined;
          return { ...plan, prompt: "redacted", options: { ...plan.options, effort: "low" } };
        });
      },
    });
    gateway = await createTestGateway({
      plugins: [plugin],
      replies: ({ prompt }) =>
        prompt === LIMIT
          ? [{ error: "You've hit your limit", failure: FAILURE }]
          : prompt === "hang"
            ? ["some", { wait: "for good" }]
            : "hi",
    });
  });
  after(() => gateway.close());

  const get = async (path: string) => {
    const response = await gateway.fetch(path, { key: "user" });
    return { status: response.status, body: await response.text() };
  };
  const ran = () => gateway.ran.at(-1);

  it("may have every option, content blocks, a budget and metadata", async () => {
    const { id } = await turns.startSession("user", {
      options: { effort: "high", disallowedTools: ["Write"] },
    });
    const handle = await turns.prompt("user", id, {
      prompt: "",
      content: [IMAGE, { type: "text", text: "What is this?" }],
      model: "haiku",
      systemPrompt: "Be brief.",
      options: { permissionMode: "plan", outputSchema: { type: "object" } },
      maxBudgetUsd: 2,
      metadata: { ticket: "T-1" },
    });
    await handle.answer;
    expect(ran()?.plan).to.deep.include({
      prompt: "What is this?",
      content: [IMAGE, { type: "text", text: "What is this?" }],
      model: "haiku",
      systemPrompt: "Be brief.",
      options: {
        effort: "high",
        disallowedTools: ["Write"],
        permissionMode: "plan",
        outputSchema: { type: "object" },
      },
      maxBudgetUsd: 2,
    });
    expect(seen.at(-1)?.turn.metadata).to.deep.equal({ ticket: "T-1" });
    await (await turns.prompt("user", id, { prompt: "and now?" })).answer;
    expect(ran()?.plan).to.deep.include({
      options: { effort: "high", disallowedTools: ["Write"] },
      maxBudgetUsd: undefined,
    });
  });

  it("can be tasks without a session", async () => {
    const handle = await turns.task("user", {
      prompt: "hi",
      options: { effort: "low" },
      metadata: { a: "b" },
    });
    expect((await handle.answer).success).to.equal(true);
    expect(ran()?.info).to.deep.include({
      kind: "task",
      id: handle.id,
      sessionId: handle.id,
      metadata: { a: "b" },
    });
    expect(ran()?.plan.options).to.deep.equal({ effort: "low" });
  });

  it("are refused if the key may not send an option, or the option is unknown", async () => {
    const refused = (request: Parameters<TurnRunner["task"]>[1]) =>
      rejection(Promise.resolve().then(() => turns.task("user", request)));
    expect(await refused({ prompt: "hi", options: { tools: ["Bash"] } })).to.include({ code: "FORBIDDEN" });
    expect(await refused({ prompt: "" })).to.include({ code: "BAD_REQUEST" });
    expect(await refused({ prompt: "hi", options: { maxTurns: -1 } })).to.include({ code: "BAD_REQUEST" });
    const session = turns.startSession("user", { options: { agents: {} } });
    expect(await rejection(session)).to.include({ code: "FORBIDDEN" });
  });

  it("can be ended with a refusal, which the caller gets", async () => {
    const handle = await turns.task("user", { prompt: "hang" });
    for await (const frame of handle.read({ mode: "delta" })) if (frame?.event === "text") break;
    const refusal = new Refusal(413, "too much", { code: "TOO_MUCH", details: { limit: 1 } });
    turns.follow(handle.id)?.interrupt(refusal);
    expect(await handle.answer).to.deep.include({
      success: false,
      result: "some",
      error: "too much",
      code: "TOO_MUCH",
      details: { limit: 1 },
    });
    expect(await rejection(handle.result())).to.include({ status: 413, message: "too much" });
    const { body } = await get(`/turns/${handle.id}`);
    expect(JSON.parse(body)).to.deep.include({ state: "interrupted" });
    const again = await turns.task("user", { prompt: "hang" });
    again.interrupt();
    expect((await again.answer).error).to.equal("the turn was interrupted");
  });

  it("can wait for a usage limit", async () => {
    const { id } = await turns.startSession("user");
    const ways = {
      prompt: (request: PromptRequest) => turns.prompt("user", id, { ...request, withdrawPending: true }),
      task: (request: PromptRequest) => turns.task("user", request),
    };
    for (const [way, begin] of Object.entries(ways)) {
      const answered = async (request: Omit<PromptRequest, "prompt">) =>
        (await begin({ prompt: LIMIT, ...request })).answer;
      const limit = { success: false, code: "USAGE_LIMIT", limit: "five_hour", resets_at: RESETS_AT };
      expect(await answered({ onLimit: "wait" }), way).to.include({ ...limit, parked: true });
      for (const request of [{ onLimit: "wait", maxWaitSecs: 60 }, { onLimit: "fail" }, {}] as const)
        expect(await answered(request), way)
          .to.include(limit)
          .and.not.have.property("parked");
      const refused = rejection(Promise.resolve().then(() => answered({ maxWaitSecs: -1 })));
      expect(await refused, way).to.include({ code: "BAD_REQUEST" });
    }
  });

  it("can be changed by a tap on beforeExecute, text and options", async () => {
    const content = [IMAGE, { type: "text", text: "redact me" }] as const;
    await (await turns.task("user", { prompt: "", content })).answer;
    expect(ran()?.plan).to.deep.include({
      prompt: "redacted",
      content: [IMAGE, { type: "text", text: "redacted" }],
      options: { effort: "low" },
    });
  });

  it("reject like a request where that gets an error", async () => {
    const handle = await turns.task("user", { prompt: "refuse me" });
    expect(await rejection(handle.result())).to.include({ status: 402, message: "no money left" });
    expect(await handle.answer).to.include({ success: false, code: "PAYMENT_REQUIRED" });
    const other = await turns.task("user", { prompt: "hi" });
    expect(await other.result()).to.equal(await other.answer);
  });

  it("can be in a session that no list shows", async () => {
    const { id } = await turns.startSession("user", { hidden: true });
    await (await turns.prompt("user", id, { prompt: "hi" })).answer;
    const { body: list } = await get("/sessions");
    expect(list).to.not.include(id);
    expect((await get(`/session/${id}`)).status).to.equal(200);
    await turns.endSession("user", id);
    expect((await get(`/session/${id}`)).status).to.equal(404);
  });
});
