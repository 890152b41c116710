import { expect } from "chai";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { INITIALIZE } from "../plugins/mcp/posted.js";
import { Cluster } from "./cluster.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";

/** A turn that only its end by others ends. */
const LONG_MS = 600_000;

describe("a session of an MCP client, at two nodes", () => {
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;
  let session: string;
  let requests = 0;

  before(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      cluster: { shared_workdirs: true },
      args: ["--enable-plugin", "mcp"],
    });
    [a, b] = [cluster.node("a"), cluster.node("b")];
  });
  after(() => cluster?.dispose());
  beforeEach(async () => {
    const response = await post(a, INITIALIZE);
    await response.text();
    session = response.headers.get("mcp-session-id") ?? "";
  });

  function post(
    { url }: ClusterNode,
    message: object,
    { id, key = "admin", method = "POST" }: { id?: string; key?: keyof typeof KEYS; method?: string } = {},
  ): Promise<Response> {
    return fetch(`${url}/mcp`, {
      method,
      headers: {
        authorization: `Bearer ${KEYS[key]}`,
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...(id !== undefined && { "mcp-session-id": id }),
      },
      ...(method === "POST" && { body: JSON.stringify({ jsonrpc: "2.0", ...message }) }),
    });
  }

  const list = (node: ClusterNode, key?: keyof typeof KEYS) =>
    post(node, { id: ++requests, method: "tools/list" }, { id: session, ...(key && { key }) });

  it("goes on at the other one, for its key only", async () => {
    const strange = await list(b, "bob");
    expect([strange.status, await strange.text()]).to.deep.include(404);
    const answers = await Promise.all([list(b), list(b), list(a)]);
    for (const answer of answers) {
      expect(answer.status).to.equal(200);
      expect(await answer.text()).to.include("run_task");
    }
    expect((await list(b, "bob")).status).to.equal(404);
  });

  it("cancels a request that the other one answers", async () => {
    const prompt = promptOf({ tag: "cancelled", ms: LONG_MS, units: 1 });
    const call = await post(
      a,
      { id: 7, method: "tools/call", params: { name: "run_task", arguments: { prompt } } },
      { id: session },
    );
    const ended = () => cluster.query(`SELECT "end" FROM turns`);
    await eventually("the turn", async () => (await ended()).length === 1);
    const told = await post(
      b,
      { method: "notifications/cancelled", params: { requestId: 7 } },
      { id: session },
    );
    expect(told.status).to.equal(202);
    expect(await call.text()).to.not.include('"result"');
    await eventually("its end", async () => (await ended())[0]?.["end"] === "interrupted");
  });

  it("waits at the other one for a task, and cancels it there", async () => {
    const tool = async (node: ClusterNode, name: string, args: object) => {
      const message = { id: ++requests, method: "tools/call", params: { name, arguments: args } };
      const answer = await (await post(node, message, { id: session })).text();
      return JSON.parse(/^data: (.*)$/m.exec(answer)?.[1] ?? "{}").result.structuredContent;
    };
    const start = async (ms: number) => {
      const prompt = promptOf({ tag: "task", ms, units: 1 });
      return (await tool(a, "start_task", { prompt })).task_id;
    };
    const short = await start(1500);
    expect(await tool(b, "get_task", { task_id: short, wait_secs: 50 })).to.include({ state: "completed" });
    const long = await start(LONG_MS);
    // A turn that waits for its place is known to its own node only.
    await eventually("the turn", async () =>
      (await cluster.query("SELECT id FROM turns")).some(({ id }) => id === long),
    );
    expect(await tool(b, "cancel_task", { task_id: long })).to.deep.equal({ task_id: long, cancelled: true });
    const ended = await tool(b, "get_task", { task_id: long, wait_secs: 50 });
    expect(ended).to.include({ state: "interrupted" });
    expect(await tool(b, "cancel_task", { task_id: long })).to.include({ cancelled: false });
  });

  it("answers at the other one, also after newer sessions have replaced it", async () => {
    const prompt = promptOf({ tag: "answered", ms: 4000, units: 1 });
    const params = { name: "run_task", arguments: { prompt } };
    const call = await post(b, { id: 7, method: "tools/call", params }, { id: session });
    // As many as a key may have.
    for (let n = 0; n < 50; n++) await (await post(a, INITIALIZE)).text();
    expect((await list(b)).status).to.equal(404);
    expect(await call.text()).to.include('"result"');
  });

  it("ends at both when it is ended at one", async () => {
    expect((await list(b)).status).to.equal(200);
    expect((await post(b, {}, { id: session, method: "DELETE" })).status).to.equal(204);
    for (const node of [a, b]) expect((await list(node)).status).to.equal(404);
  });
});
