import { definePlugin, Refusal } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { Posted } from "./posted.js";

/** What holds on the gateway's own routes holds here. */
describe("mcp and what the gateway holds", () => {
  let gateway: TestGateway;
  const ended: string[] = [];
  const requests: string[] = [];
  const hooks = definePlugin<object>({
    name: "hooks",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.request.tap("block", ({ headers }) => {
        if (headers["x-blocked"] !== undefined) return new Refusal(403, "blocked");
        return undefined;
      });
      kernel.hooks.beforeExecute.tap("words", (plan) => {
        if (plan.prompt === "secret") throw new Refusal(451, "not that word", { code: "WORD_FORBIDDEN" });
        return { ...plan, prompt: `${plan.prompt}!` };
      });
      kernel.hooks.afterExecute.tap("note", ({ keyId, kind }) => {
        ended.push(`${keyId} ${kind}`);
      });
      kernel.hooks.requestCompleted.tap("note", ({ method, route, status, keyId }) => {
        requests.push(`${method} ${route} ${status} ${keyId}`);
      });
    },
  });
  before(async () => {
    gateway = await createTestGateway({
      plugins: [
        ["mcp", { max_sessions_per_key: 2, cors_origins: ["https://chat.example.com"] }],
        ["limits", { budgets: [{ name: "tiny", usd: 0.02, window: "day", keys: ["user"] }] }],
        hooks,
      ],
      replies: ({ prompt }) => `You said: ${prompt}`,
    });
  });
  after(() => gateway.close());

  it("bills the key, runs the hooks, and writes the request in its log", async () => {
    const session = await Posted.open(gateway, "admin");
    const result = await session.call("run_task", { prompt: "hello" });
    expect(result).to.have.nested.property("content[0].text", "You said: hello!");
    const refused = await session.call("run_task", { prompt: "secret" });
    expect(refused).to.have.nested.property("content[0].text", "WORD_FORBIDDEN: not that word");
    expect(refused).to.include({ isError: true });
    expect(ended).to.deep.equal(["admin task", "admin task"]);
    expect(requests.slice(0, 2)).to.deep.equal(["POST /mcp 200 admin", "POST /mcp 200 admin"]);
    const blocked = await session.post({ id: 9, method: "ping" }, { "x-blocked": "1" });
    expect([blocked.status, await blocked.json()]).to.deep.equal([
      403,
      { jsonrpc: "2.0", id: null, error: { code: -32000, message: "blocked", data: { code: "FORBIDDEN" } } },
    ]);
  });

  it("refuses turns once a budget is used up, and says which", async () => {
    const session = await Posted.open(gateway, "user");
    const texts: string[] = [];
    for (let turn = 0; turn < 30 && texts.every((text) => !text.includes("tiny")); turn++) {
      const { content } = await session.call("run_task", { prompt: "hello" });
      texts.push(content[0]?.text ?? "");
    }
    expect(texts.at(-1)).to.match(/^PAYMENT_REQUIRED: the budget tiny /);
  });

  it("limits the sessions of a key, and ends the one unused for longest", async () => {
    const [first, second] = [await Posted.open(gateway, "admin"), await Posted.open(gateway, "admin")];
    await Posted.open(gateway, "admin");
    expect((await first.post({ id: 1, method: "ping" })).status).to.equal(404);
    expect((await second.post({ id: 1, method: "ping" })).status).to.equal(200);
  });

  it("leaves no session behind whose title is refused", async () => {
    const session = await Posted.open(gateway, "user");
    for (const title of ["", "x".repeat(201)]) {
      const refused = await session.call("session_start", { title });
      expect(refused.isError).to.equal(true);
      expect(refused.content[0]?.text).to.match(/^BAD_REQUEST: title must be/);
    }
    const { structuredContent } = await session.call("session_list", {});
    expect(structuredContent).to.include({ total: 0 });
  });

  it("lets pages of the listed origins call it, and no others", async () => {
    const ask = (origin: string) =>
      gateway.fetch("/mcp", { method: "POST", headers: { origin }, body: { jsonrpc: "2.0" } });
    const good = await ask("https://chat.example.com");
    expect([good.status, good.headers.get("access-control-allow-origin")]).to.deep.equal([
      400,
      "https://chat.example.com",
    ]);
    for (const origin of ["https://evil.example", "null", gateway.url])
      expect((await ask(origin)).status, origin).to.equal(403);
  });

  it("ends idle sessions, but none that is answering", async () => {
    const ask = definePlugin<object>({
      name: "ask",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply({ hooks }) {
        hooks.approve.tap("all", () => ({ verdict: "ask", liveWaitSecs: 600 }));
      },
    });
    const other = await createTestGateway({
      controlTime: true,
      plugins: [["mcp", { session_idle_minutes: 2 }], ask],
      *replies() {
        yield { tool: "Bash", input: { command: "true" } };
        yield "done";
      },
    });
    try {
      const [idle, busy] = [await Posted.open(other, "user"), await Posted.open(other, "user")];
      const running = busy.call("run_task", { prompt: "hello" });
      const { id } = await other.approvals.next();
      await other.advance(5 * 60_000);
      expect((await idle.post({ method: "notifications/initialized" })).status).to.equal(404);
      await other.approvals.decide(id, "allow");
      expect(await running).to.have.nested.property("content[0].text", "done");
    } finally {
      await other.close();
    }
  });

  it("ends what clients wait for when it is disabled, and its sessions", async () => {
    const session = await Posted.open(gateway, "admin");
    await gateway.disable("mcp");
    expect((await session.post({ id: 1, method: "ping" })).status).to.equal(404);
    expect(await gateway.leaks()).to.deep.equal([]);
  });
});
