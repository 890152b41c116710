import { connect } from "node:net";
import { definePlugin } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { INITIALIZE, Posted } from "./posted.js";

const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
const call = (params: object) => ({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
const deep = `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`;

/** What is sent instead of a ping, with which headers, and the status; or the code of the error in the stream. */
const ODD: readonly (readonly [
  what: string,
  status: number,
  body: unknown,
  headers?: Record<string, string>,
])[] = [
  ["malformed JSON", 400, "{"],
  ["an empty body", 400, ""],
  ["null", 400, "null"],
  ["a number", 400, "5"],
  ["a string", 400, '"ping"'],
  ["an empty batch", 400, []],
  ["a batch", 400, [ping, ping]],
  ["an empty object", 400, {}],
  ["another version of JSON-RPC", 400, { ...ping, jsonrpc: "1.0" }],
  ["a null id", 400, { ...ping, id: null }],
  ["an object as id", 400, { ...ping, id: {} }],
  ["a number as method", 400, { ...ping, method: 5 }],
  ["a list as params", 400, { ...ping, params: [] }],
  ["__proto__", 400, '{"jsonrpc": "2.0", "id": 1, "method": "ping", "__proto__": {"id": 2}}'],
  ["5,000 levels", 400, deep],
  ["60,000 items", 400, { ...ping, params: { list: Array.from({ length: 60_000 }, () => 1) } }],
  ["11 MiB", 413, { ...ping, params: { text: "x".repeat(11 * 1024 * 1024) } }],
  ["bytes that are not UTF-8", 400, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
  ["plain text", 415, "ping", { "content-type": "text/plain" }],
  ["a compressed body", 415, ping, { "content-encoding": "gzip" }],
  ["no Accept", 406, ping, { accept: "*/*" }],
  ["half an Accept", 406, ping, { accept: "text/event-stream" }],
  ["an unknown session", 404, ping, { "mcp-session-id": "00000000-0000-4000-8000-000000000000" }],
  ["a path as session", 404, ping, { "mcp-session-id": "../../etc/passwd" }],
  ["a long session", 404, ping, { "mcp-session-id": "x".repeat(4000) }],
  ["__proto__ as session", 404, ping, { "mcp-session-id": "__proto__" }],
  ["an unknown protocol version", 400, ping, { "mcp-protocol-version": "1999-01-01" }],
  ["a second initialize", 400, INITIALIZE],
  ["a response to nothing", 202, { jsonrpc: "2.0", id: 77, result: {} }],
  ["an error to nothing", 202, { jsonrpc: "2.0", id: 77, error: { code: 1, message: "x" } }],
  [
    "a cancellation of nothing",
    202,
    { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 5 } },
  ],
  ["a cancellation without an id", 202, { jsonrpc: "2.0", method: "notifications/cancelled" }],
  ["an unknown notification", 202, { jsonrpc: "2.0", method: "notifications/nope" }],
  ["an unknown method", -32601, { ...ping, method: "nope" }],
  ["a method of clients", -32601, { ...ping, method: "sampling/createMessage", params: {} }],
  ["a level of logs", -32601, { ...ping, method: "logging/setLevel", params: { level: "debug" } }],
  ["a call without params", -32603, { ...ping, method: "tools/call" }],
  ["a call with a number as name", -32603, call({ name: 5 })],
  ["a call with a list of arguments", -32603, call({ name: "run_task", arguments: [] })],
  ["a call with an object as progress token", 400, call({ name: "run_task", _meta: { progressToken: {} } })],
  ["a cursor that is none", -32602, { ...ping, method: "resources/list", params: { cursor: "-1" } }],
  ["a cursor out of range", -32602, { ...ping, method: "resources/list", params: { cursor: "99999999999" } }],
  [
    "a resource with null characters",
    -32602,
    { ...ping, method: "resources/read", params: { uri: "claudeway://sessions/SESSION/files/a%00b" } },
  ],
  [
    "a resource outside",
    -32602,
    { ...ping, method: "resources/read", params: { uri: "claudeway://sessions/SESSION/files/%2e%2e/x" } },
  ],
  [
    "a resource with wrong encoding",
    -32602,
    { ...ping, method: "resources/read", params: { uri: "claudeway://sessions/SESSION/files/%ff" } },
  ],
  [
    "a long resource",
    -32002,
    { ...ping, method: "resources/read", params: { uri: `x:${"y".repeat(1_000_000)}` } },
  ],
  ["a prompt named constructor", -32602, { ...ping, method: "prompts/get", params: { name: "constructor" } }],
];

describe("mcp under odd inputs", () => {
  let gateway: TestGateway;
  let session: Posted;
  let conversation = "";
  const ends: string[] = [];
  const watch = definePlugin<object>({
    name: "watch",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      // Nobody decides: such a turn does not end by itself.
      kernel.hooks.approve.tap("hold", () => ({ verdict: "ask", liveWaitSecs: 3000, expiresSecs: 3000 }));
      kernel.hooks.afterExecute.tap("ends", (_turn, { end }) => {
        ends.push(end);
      });
    },
  });
  before(async () => {
    gateway = await createTestGateway({
      plugins: ["mcp", watch],
      config: { engine: { max_running: 8 } },
      *replies({ prompt }) {
        if (prompt === "hold") yield { tool: "Bash", input: { command: "true" } };
        yield "done";
      },
    });
    session = await Posted.open(gateway, "user");
    const { structuredContent } = await session.call("session_start", {});
    conversation = String(structuredContent?.["session_id"]);
  });
  after(() => gateway.close());

  const alive = async () => {
    const response = await session.post({ id: "alive", method: "ping" });
    expect(await response.text()).to.contain('"result":{}');
  };

  for (const [what, expected, body, headers = {}] of ODD) {
    it(`answers ${what} with ${expected}`, async () => {
      const text = typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      const response = await fetch(`${gateway.url}/mcp`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${gateway.keys["user"]}`,
          accept: "application/json, text/event-stream",
          "content-type": "application/json",
          "mcp-session-id": session.sessionId,
          ...headers,
        },
        body: typeof text === "string" ? text.replace("SESSION", conversation) : text,
      });
      const answer = await response.text();
      if (expected > 0) expect(response.status, answer).to.equal(expected);
      else expect(answer).to.contain(`"code":${expected}`);
      if (expected >= 400)
        expect(JSON.parse(answer)).to.have.nested.property("error.code").that.is.a("number");
      expect(answer.length).to.be.lessThan(2000);
      await alive();
    });
  }

  it("begins no turn for a call that asks for a task of the protocol, which it does not offer", async () => {
    const before = gateway.ran.length;
    const params = { name: "run_task", arguments: { prompt: "hello" }, task: { ttl: 1000 } };
    const answer = await (await session.post(call(params))).text();
    expect(answer).to.contain('"error"');
    expect(gateway.ran.length).to.equal(before);
  });

  it("answers no second request with the id of one that is being answered", async () => {
    const first = await session.post(call({ name: "run_task", arguments: { prompt: "hold" } }));
    const second = await session.post({ id: 1, method: "ping" });
    expect(second.status).to.equal(400);
    expect(await second.text()).to.contain("a request with the id 1 is being answered");
    await first.body?.cancel();
    await eventually("the end of the turn", () => ends.at(-1) === "interrupted");
  });

  it("answers at most 64 requests of a session at once, and interrupts the turns of a client that is gone", async () => {
    const before = ends.length;
    const answers = await Promise.all(
      Array.from({ length: 70 }, (_one, id) =>
        session.post({ ...call({ name: "run_task", arguments: { prompt: "hold" } }), id: id + 100 }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).to.have.length(64);
    expect(statuses.filter((status) => status === 429)).to.have.length(6);
    await Promise.all(answers.map(({ body }) => body?.cancel()));
    await eventually("the ends of the turns", () => ends.length === before + 64);
    expect(new Set(ends.slice(before))).to.deep.equal(new Set(["interrupted"]));
    await alive();
  });

  it("interrupts the turns of a session that is ended", async () => {
    const other = await Posted.open(gateway, "user");
    const before = ends.length;
    const answer = await other.post(call({ name: "run_task", arguments: { prompt: "hold" } }));
    await (await other.post({}, {}, "DELETE")).text();
    await answer.text();
    await eventually("the end of the turn", () => ends.length === before + 1);
    expect(ends.at(-1)).to.equal("interrupted");
    expect((await other.post({ id: 1, method: "ping" })).status).to.equal(404);
  });

  it("lets a client that reads nothing wait alone", async () => {
    const before = ends.length;
    const body = JSON.stringify(
      call({ name: "run_task", arguments: { prompt: "hold" }, _meta: { progressToken: 1 } }),
    );
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    socket.pause();
    socket.write(
      `POST /mcp HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.keys["user"]}\r\naccept: application/json, text/event-stream\r\n` +
        `content-type: application/json\r\nmcp-session-id: ${session.sessionId}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await eventually("its turn", () => gateway.ran.at(-1)?.plan.prompt === "hold" && ends.length === before);
    await alive();
    socket.destroy();
    await eventually("the end of the turn", () => ends.length === before + 1);
  });

  it("leaves no session behind if one can't be initialized", async () => {
    for (const params of [
      {},
      { ...INITIALIZE.params, protocolVersion: 5 },
      { ...INITIALIZE.params, clientInfo: 1 },
    ]) {
      const response = await gateway.fetch("/mcp", {
        body: { ...INITIALIZE, params },
        headers: { accept: "application/json, text/event-stream" },
        key: "user",
      });
      expect([response.status, response.headers.get("mcp-session-id")], JSON.stringify(params)).to.deep.equal(
        [400, null],
      );
      await response.text();
    }
  });
});
