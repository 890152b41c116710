import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { MemoryBudget } from "@claudeway/scheduling";
import { expect } from "chai";
import { holdAnswers } from "#core/http/send-json.js";
import { eventually } from "../../e2e/poll.js";
import { answering, type Served, serve } from "./kit.js";

const MIB = 1024 * 1024;
/** More than the buffers of a connection take. */
const MUCH = "x".repeat(16 * MIB);
const PAGE = Buffer.from(MUCH);
const COUNTED: Readonly<Record<string, () => unknown>> = {
  "/text": () => MUCH,
  // Two bytes a character in memory, three in the answer.
  "/other-text": () => "\u4e00".repeat(6 * MIB),
  "/object": () => ({ text: MUCH }),
  "/list": () => [MUCH],
};
const FREE: Readonly<Record<string, () => unknown>> = {
  "/stream": () => Readable.from(Array.from({ length: 16 }, () => Buffer.alloc(MIB))),
  "/page": () => PAGE,
};

describe("large answers whose clients do not read them", () => {
  let served: Served;
  let runs = 0;
  const clients: Socket[] = [];
  before(async () => {
    // Half of it for a key: two answers.
    const memory = new MemoryBudget(80 * MIB);
    const answer = answering((ctx) => {
      runs++;
      if (ctx.query["attached"] !== undefined) ctx.attachment("file.txt");
      return COUNTED[ctx.path]?.() ?? FREE[ctx.path]?.() ?? "small";
    });
    served = await serve(holdAnswers(memory), answer);
  });
  after(() => served.close());
  afterEach(leave);

  /** Resolves when the server has seen it. */
  async function leave(): Promise<void> {
    for (const client of clients.splice(0)) client.destroy();
    const connections = () =>
      new Promise<number>((resolve) => served.server.getConnections((_error, count) => resolve(count)));
    await eventually("that the server sees it", async () => (await connections()) === 0);
  }

  /** Resolves to the status, having read no more than the beginning. */
  async function ask(path: string, method = "GET"): Promise<number> {
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    clients.push(socket);
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, "readable");
    const beginning: unknown = socket.read(12);
    return Number(String(beginning).slice(9));
  }

  for (const path of Object.keys(COUNTED)) {
    it(`are refused where they would fill the memory, until others have been read: ${path}`, async () => {
      expect([await ask(path), await ask(path), await ask(path)]).to.deep.equal([200, 200, 503]);
      expect(await ask("/small")).to.equal(200);
      await leave();
      expect(await ask(path)).to.equal(200);
    });
  }

  it("are refused with the error alone, without what was said of their body", async () => {
    expect([await ask("/text"), await ask("/text")]).to.deep.equal([200, 200]);
    const refused = await fetch(`${served.url}/text?attached`, { headers: { connection: "close" } });
    const { status, headers } = refused;
    expect([status, headers.get("retry-after"), headers.get("content-disposition")]).to.deep.equal([
      503,
      "5",
      null,
    ]);
    expect(await refused.json()).to.deep.equal({
      error: "too many large requests or answers wait; try again",
      code: "UNAVAILABLE",
    });
  });

  it("are sent where their request can't be repeated, and not made while they would wait behind others", async () => {
    expect([await ask("/text"), await ask("/text")]).to.deep.equal([200, 200]);
    runs = 0;
    expect(await ask("/text", "POST")).to.equal(200);
    expect(await ask("/text", "HEAD")).to.equal(200);
    expect(runs).to.equal(2);
    await leave();
    const client = connect(Number(new URL(served.url).port), "127.0.0.1");
    clients.push(client);
    client.write("GET /text HTTP/1.1\r\nHost: x\r\n\r\n".repeat(4));
    await eventually("the first has run", () => runs === 3);
    expect([await ask("/text"), await ask("/text")]).to.deep.equal([200, 503]);
    expect(runs).to.equal(5);
  });

  it("do not count if they are streams, of which a part is in memory, or bytes, which answers share", async () => {
    for (const path of Object.keys(FREE))
      for (let n = 0; n < 4; n++) expect(await ask(path), path).to.equal(200);
  });
});
