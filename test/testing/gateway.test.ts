import { existsSync } from "node:fs";
import { definePlugin, Refusal } from "@claudeway/core";
import { createTestGateway, RequestError, type StreamEvent, type TestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import { expect } from "chai";
import { rejection, rejectionMessage } from "../kernel/kit.js";

const ANY = { type: "object", additionalProperties: true } as const;

/** Refuses prompts with a word in them, and says hello. */
const guard = definePlugin<{ word?: string }>({
  name: "guard",
  apiVersion: 1,
  configSchema: { type: "object", properties: { word: { type: "string" } }, additionalProperties: false },
  apply(kernel, { word = "secret" }) {
    const router = new Router();
    router.get("/", (ctx) => {
      ctx.body = { word };
    });
    kernel.mount("/guard", router);
    kernel.hooks.beforeExecute.tap("word", (plan) => {
      if (plan.prompt.includes(word)) throw new Refusal(403, `no ${word} here`);
      return { ...plan, model: "opus" };
    });
    kernel.hooks.spawn.tap("sudo", (plan) => ({ ...plan, command: "sudo", args: ["-u", "claude"] }));
  },
});

/** Has every call decided by a person. */
const asking = definePlugin<object>({
  name: "asking",
  apiVersion: 1,
  configSchema: ANY,
  apply(kernel) {
    kernel.hooks.approve.tap("all", ({ tool }) =>
      tool === "Read" ? { verdict: "allow" } : { verdict: "ask", liveWaitSecs: tool === "Slow" ? 0 : 60 },
    );
  },
});

describe("createTestGateway", () => {
  let gateway: TestGateway | undefined;

  afterEach(async () => {
    await gateway?.close();
    gateway = undefined;
  });

  it("runs turns through plugins", async () => {
    gateway = await createTestGateway({ plugins: [[guard, { word: "beans" }]] });
    const answer = await gateway.turn("hello there");
    expect(answer).to.include({ success: true, result: "You said: hello there", cost_usd: 0.001 });
    const [turn] = gateway.ran;
    expect(turn?.plan.model).to.equal("opus");
    expect(turn?.spawn).to.deep.include({ command: "sudo", args: ["-u", "claude"] });

    const refused = await rejection(gateway.turn("spill the beans"));
    expect(refused).to.be.instanceOf(RequestError);
    expect(refused).to.include({ status: 403, code: "FORBIDDEN", message: "no beans here" });
    expect(gateway.ran).to.have.length(1);

    expect(await (await gateway.fetch("/guard", { key: "user" })).json()).to.deep.equal({ word: "beans" });
    expect((await gateway.fetch("/guard", { key: null })).status).to.equal(401);
    expect(gateway.plugins()).to.have.length(1);
    expect(gateway.logs.map(({ msg }) => msg).join("\n")).to.match(/^plugin guard: on after \d+ ms$/m);
  });

  it("streams, in sessions too", async () => {
    gateway = await createTestGateway({
      replies: ({ prompt, earlier }) => `${prompt} after ${earlier.length}`,
    });
    const session = await gateway.session({ key: "user", model: "haiku" });
    await session.turn("one");
    const events: StreamEvent[] = [];
    for await (const event of session.stream("two", { stream: "delta" })) events.push(event);
    const text = events.flatMap((event) => (event.event === "text" ? event.data : [])).join("");
    expect(text).to.equal("two after 1");
    expect(events.at(-1)).to.have.nested.property("data.result", "two after 1");
    expect(await session.info()).to.include({ task_count: 2, cost_usd: 0.002, model: "haiku" });
    await session.end();
    expect(await rejection(session.turn("three"))).to.include({ status: 404 });
  });

  it("sends the fields of plugins, with prompts and with sessions", async () => {
    const seen: unknown[] = [];
    const tiers = definePlugin<object>({
      name: "tiers",
      apiVersion: 1,
      configSchema: ANY,
      apply(kernel) {
        const fieldsOf = kernel.requestFields<{ tier: string }>({
          type: "object",
          properties: { tier: { enum: ["fast", "good"] } },
        });
        kernel.hooks.afterExecute.tap("see", (turn) => {
          seen.push(fieldsOf(turn)?.tier);
        });
      },
    });
    gateway = await createTestGateway({ plugins: [tiers] });
    await gateway.turn("hello", { pluginFields: { tiers: { tier: "fast" } } });
    const session = await gateway.session({ pluginFields: { tiers: { tier: "good" } } });
    await session.turn("hello");
    const refused = gateway.turn("hello", { pluginFields: { tiers: { tier: "slow" } } });
    expect(await rejectionMessage(refused)).to.include("tiers.tier");
    expect(seen).to.deep.equal(["fast", "good"]);
  });

  it("reports the calls of its script, and counts them", async () => {
    const seen: unknown[] = [];
    const watching = definePlugin<object>({
      name: "watching",
      apiVersion: 1,
      configSchema: ANY,
      apply(kernel) {
        kernel.hooks.approve.tap("reads", ({ tool }) =>
          tool === "Read" ? { verdict: "allow" } : { verdict: "deny", message: "only reading" },
        );
        kernel.hooks.event.tap("calls", (event) => {
          if (event.type === "tool_call") seen.push([event.data.name, event.data.input]);
          if (event.type === "tool_result") seen.push([event.data.ok, event.data.text]);
        });
        kernel.hooks.afterExecute.tap("count", (_turn, { toolCalls }) => {
          seen.push(toolCalls);
        });
      },
    });
    gateway = await createTestGateway({
      plugins: [watching],
      replies: () => [
        { tool: "Read", input: { file_path: "a" } },
        { tool: "Bash" },
        { tool: "Read" },
        "done",
      ],
    });
    await gateway.turn("hello");
    expect(seen).to.deep.equal([
      ["Read", { file_path: "a" }],
      [true, ""],
      ["Bash", {}],
      [false, "only reading"],
      ["Read", {}],
      [true, ""],
      { Read: 2, Bash: 1 },
    ]);
  });

  it("enables and disables plugins at run time, and reloads the configuration", async () => {
    gateway = await createTestGateway();
    expect((await gateway.fetch("/guard")).status).to.equal(404);
    await gateway.enable(guard);
    expect(await rejection(gateway.turn("a secret"))).to.include({ status: 403 });
    await gateway.disable("guard");
    expect(await gateway.turn("a secret")).to.include({ success: true });
    expect(gateway.plugins()).to.have.nested.property("[0].state", "off");
    const wrong = await rejectionMessage(gateway.reload({ plugins: { guard: { wrod: "x" } }, por: 1 }));
    expect(wrong).to.match(/^config: unknown setting "por"/);
  });

  it("supports approvals: denied and listed, live, and parked", async () => {
    const seen: unknown[] = [];
    gateway = await createTestGateway({
      config: { no_permissions_bypass: true },
      replies: function* ({ prompt }) {
        const tool = /^\w+$/.test(prompt) ? prompt : "Write";
        const outcome = yield { tool, input: { path: "a.txt" }, id: `toolu_${tool}` };
        seen.push(outcome);
        yield outcome?.allowed ? "done" : "not done";
      },
    });
    const session = await gateway.session();
    const denied = await session.turn("Write");
    expect(denied.permission_denials).to.deep.equal([
      { tool_name: "Write", tool_use_id: "toolu_Write", tool_input: { path: "a.txt" } },
    ]);
    expect((await session.approve(["toolu_Write"])).approved).to.deep.equal([
      { tool_use_id: "toolu_Write", ran: true },
    ]);

    await gateway.enable(asking);
    expect(await gateway.turn("Read")).to.include({ result: "done" });
    const live = gateway.turn("Edit");
    const { id, tool } = await gateway.approvals.next();
    expect(tool).to.equal("Edit");
    await gateway.approvals.decide(id, { decision: "allow", updatedInput: { path: "b.txt" } });
    expect(await live).to.include({ result: "done" });
    expect(seen.at(-1)).to.deep.equal({ allowed: true, input: { path: "b.txt" } });

    const parked = await gateway.turn("Slow");
    expect(parked).to.include({ success: false });
    const pending = parked.pending_approval;
    await gateway.approvals.decide(pending?.id ?? "", "deny");
    const turn = await until(gateway, pending?.turn_id ?? "");
    expect(turn).to.have.nested.property("result.result", "not done");
    expect(turn).to.have.nested.property("result.cost_usd", 0.001);
  });

  it("fails and hangs as its script says, and ends what hangs", async () => {
    gateway = await createTestGateway({
      replies: ({ prompt }) =>
        prompt === "fail" ? [{ error: "API Error: 529" }] : ["well", { wait: "for good" }],
    });
    expect(await gateway.turn("fail")).to.include({ success: false, error: "API Error: 529" });
    expect(await rejection(gateway.turn("hang", { timeout_secs: 1 }))).to.include({ status: 408 });
    for await (const event of gateway.stream("hang")) if (event.event === "text") break;
    const hanging = rejection(gateway.turn("hang"));
    while (gateway.ran.length < 4) await new Promise(setImmediate);
    await gateway.close();
    expect(await hanging).to.include({ status: 503 });
    expect(existsSync(gateway.dir)).to.equal(false);
  });

  it("rejects with one line if a plugin does not start, and cleans up", async () => {
    const broken = { ...guard, apply: () => Promise.reject(new Error("no luck")) };
    expect(await rejectionMessage(createTestGateway({ plugins: [broken] }))).to.equal(
      "plugin guard: did not start: no luck",
    );
    expect(await rejectionMessage(createTestGateway({ plugins: ["no_such_one"] }))).to.match(
      /unknown plugin/,
    );
  });
});

async function until(gateway: TestGateway, turnId: string): Promise<unknown> {
  for (;;) {
    const turn: unknown = await (await gateway.fetch(`/turns/${turnId}`)).json();
    if (JSON.stringify(turn).includes('"state":"completed"')) return turn;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
