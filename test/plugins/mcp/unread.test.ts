import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { deferred } from "../../kernel/kit.js";
import { Posted } from "./posted.js";

const MIB = 1024 * 1024;
/** More than the buffers of a connection take. */
const LARGE = 10 * MIB;
/** Answers of this size that fit in the memory of a key. */
const FITTING = 7;
const REFUSED = "too many answers to MCP requests of this key are unread; try again";

describe("mcp: answers that clients do not read", () => {
  let gateway: TestGateway;
  let session: Posted;
  let uri: string;
  let requests = 0;
  let held = deferred();
  const clients: Socket[] = [];
  before(async () => {
    gateway = await createTestGateway({
      plugins: [["mcp", { max_resource_bytes: LARGE }]],
      config: { engine: { max_running: 8 } },
      *replies({ prompt }) {
        if (prompt === "held") yield { wait: held.promise };
        yield prompt === "held" ? "x".repeat(LARGE) : prompt;
      },
    });
    const { structuredContent } = await (await Posted.open(gateway, "user")).call("session_start", {});
    await writeFile(join(String(structuredContent?.["workdir"]), "large.txt"), Buffer.alloc(LARGE, "x"));
    uri = `claudeway://sessions/${structuredContent?.["session_id"]}/files/large.txt`;
  });
  after(() => gateway.close());
  beforeEach(async () => {
    session = await Posted.open(gateway, "user");
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await eventually("room again", async () => (await ping(session)).status !== 429);
  });

  const ping = (of: Posted) => of.post({ id: `ping ${++requests}`, method: "ping" });
  const read = async () => beginning(await send("resources/read", { uri }));
  const call = (name: string, args: object) => send("tools/call", { name, arguments: args });

  /** Sends a request, and reads its status. */
  async function send(method: string, params: object): Promise<Socket> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: `unread ${++requests}`, method, params });
    const socket = connect(Number(new URL(gateway.url).port), "127.0.0.1");
    clients.push(socket);
    socket.on("error", () => undefined);
    socket.write(
      `POST /mcp HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.keys["user"]}\r\naccept: application/json, text/event-stream\r\n` +
        `content-type: application/json\r\nmcp-session-id: ${session.sessionId}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await once(socket, "readable");
    return socket;
  }

  /** The status, and the first characters of the answer; reads no more than arrives with them. */
  async function beginning(socket: Socket): Promise<string> {
    for (let text = ""; ; await once(socket, "readable")) {
      text += socket.read() ?? "";
      const at = text.indexOf('{"');
      if (at > 0) return `${text.slice(9, 13)}${text.slice(at, at + 300)}`;
    }
  }

  const refused = (answers: readonly string[]) => answers.filter((answer) => answer.includes(REFUSED)).length;

  it("are bounded for all requests of a key together, which are refused at first", async () => {
    for (let n = 0; n < FITTING; n++) expect(await read()).to.include('"result"');
    const before = gateway.ran.length;
    expect(await beginning(await call("run_task", { prompt: "small" }))).to.match(/^429 .*unread; try again/);
    expect(gateway.ran.length).to.equal(before);
    const response = await ping(session);
    expect([response.status, response.headers.get("retry-after")]).to.deep.equal([429, "5"]);
    expect(await response.json()).to.have.nested.property("error.message", REFUSED);
    expect((await ping(await Posted.open(gateway, "admin"))).status).to.equal(200);
  });

  it("count also where their session is ended", async () => {
    for (let n = 0; n < FITTING; n++) expect(await read()).to.include('"result"');
    expect((await session.post({}, {}, "DELETE")).status).to.equal(204);
    const refusal = await Posted.open(gateway, "user").catch(String);
    expect(refusal).to.include(REFUSED);
  });

  it("are bounded where many are ready at once", async () => {
    // As many files of a key as are read at once.
    const answers = await Promise.all(Array.from({ length: 16 }, read));
    expect(refused(answers)).to.equal(16 - FITTING);
  });

  it("are refused, too, after a wait for a turn that they all wait for", async () => {
    held = deferred();
    const { structuredContent } = await session.call("start_task", { prompt: "held" });
    const task = { task_id: structuredContent?.["task_id"], wait_secs: 50 };
    const calls = await Promise.all(Array.from({ length: 8 }, () => call("get_task", task)));
    held.resolve();
    const answers = await Promise.all(calls.map(beginning));
    expect(answers.filter((answer) => answer.startsWith("200 "))).to.have.length(8);
    // Each has the text twice.
    expect(refused(answers)).to.equal(4);
  });

  it("count, but are not refused, where they have cost something", async () => {
    held = deferred();
    const calls = await Promise.all(Array.from({ length: 6 }, () => call("run_task", { prompt: "held" })));
    held.resolve();
    const answers = await Promise.all(calls.map(beginning));
    expect(answers.filter((answer) => answer.startsWith("200 "))).to.have.length(6);
    expect(refused(answers)).to.equal(0);
    expect((await ping(session)).status).to.equal(429);
  });
});
