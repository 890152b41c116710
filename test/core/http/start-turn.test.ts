import { definePlugin, Refusal } from "@claudeway/core";
import type { ApprovalList } from "@claudeway/schemas";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

/** Refuses the first turn, and has a person asked about every call. */
const once = definePlugin<object>({
  name: "once",
  apiVersion: 1,
  configSchema: { type: "object" },
  apply(kernel) {
    let refused = false;
    kernel.hooks.beforeExecute.tap("first", (plan) => {
      if (refused) return plan;
      refused = true;
      throw new Refusal(429, "not now");
    });
    kernel.hooks.approve.tap("all", () => ({ verdict: "ask", liveWaitSecs: 60 }));
  },
});

describe("an Idempotency-Key", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  function send(path: string, body: object, key: string): Promise<Response> {
    return gateway.fetch(path, { body, headers: { "idempotency-key": key } });
  }

  it("is released by a refused turn, so that the request can be retried", async () => {
    gateway = await createTestGateway({ plugins: [once] });
    const task = { prompt: "Hi" };
    expect((await send("/task", task, "a")).status).to.equal(429);
    expect(await (await send("/task", task, "a")).json()).to.include({ result: "You said: Hi" });
    expect(await (await send("/task", task, "a")).json()).to.include({ result: "You said: Hi" });
    expect(gateway.ran).to.have.length(1);
  });

  it("makes one turn of two requests at once", async () => {
    gateway = await createTestGateway();
    const keys = Array.from({ length: 20 }, (_, n) => `b${n}`);
    const answers = await Promise.all([...keys, ...keys].map((key) => send("/task", { prompt: "Hi" }, key)));
    const ids = answers.map(({ headers }) => headers.get("x-turn-id"));
    expect(ids.slice(keys.length)).to.deep.equal(ids.slice(0, keys.length));
    expect(new Set(ids)).to.have.property("size", keys.length);
    expect(gateway.ran).to.have.length(keys.length);
  });

  it("of an approval that resumes a waiting turn refers to that turn", async () => {
    const replies = () => [{ tool: "Bash", input: { command: "make" } }, "made"];
    gateway = await createTestGateway({ plugins: [once], replies });
    expect((await gateway.fetch("/task", { body: { prompt: "first" } })).status).to.equal(429);
    const turn = gateway.fetch("/task", { body: { prompt: "make it" } });
    const [waiting] = await pending();
    const path = `/session/${waiting?.session_id}/approve`;
    const body = { tool_use_ids: [waiting?.tool_use_id] };
    const approved = await send(path, body, "c");
    expect(approved.headers.get("x-turn-id")).to.equal((await turn).headers.get("x-turn-id"));
    expect(await approved.json()).to.include({ result: "made" });
    const again = await send(path, body, "c");
    expect(again.headers.get("x-turn-id")).to.equal(approved.headers.get("x-turn-id"));
    expect(await again.json()).to.include({ result: "made" });
    expect((await send(path, { tool_use_ids: ["toolu_other"] }, "c")).status).to.equal(409);
    expect((await send(path, body, "other")).status).to.equal(400);
  });

  it("is the same key for any spelling of the route", async () => {
    gateway = await createTestGateway();
    const turns = new Set<string | null>();
    for (const path of ["/task", "/task/", "/Task", "/TASK/"]) {
      const answer = await send(path, { prompt: "Hi" }, "d");
      expect(answer.status, path).to.equal(200);
      await answer.arrayBuffer();
      turns.add(answer.headers.get("x-turn-id"));
    }
    expect([turns.size, gateway.ran.length]).to.deep.equal([1, 1]);
  });

  it("is the same key for any spelling of the id, and another one for another route", async () => {
    gateway = await createTestGateway();
    const { id } = await gateway.session();
    const encoded = [...id].map((one) => `%${one.charCodeAt(0).toString(16)}`).join("");
    const turns = new Set<string | null>();
    for (const path of [id, `${id}/`, encoded, id.replaceAll("-", "%2d"), id.replaceAll("-", "%2D")]) {
      const answer = await send(`/session/${path}`, { prompt: "Hi" }, "e");
      expect(answer.status, path).to.equal(200);
      await answer.arrayBuffer();
      turns.add(answer.headers.get("x-turn-id"));
    }
    expect([turns.size, gateway.ran.length]).to.deep.equal([1, 1]);
    const streamed = await send(`/session/${id}/stream`, { prompt: "Hi" }, "e");
    await streamed.arrayBuffer();
    expect(turns.has(streamed.headers.get("x-turn-id"))).to.equal(false);
    // A slash that is encoded belongs to the id, and no session has that one.
    expect((await send(`/session/${id}%2fstream`, { prompt: "Hi" }, "e")).status).to.equal(404);
  });

  async function pending() {
    for (;;) {
      const answer = await gateway.fetch("/approvals?status=pending");
      const { approvals }: ApprovalList = JSON.parse(await answer.text());
      if (approvals.length > 0) return approvals;
      await new Promise(setImmediate);
    }
  }
});
