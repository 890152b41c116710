import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { MemoryBudget } from "@claudeway/scheduling";
import { expect } from "chai";
import type { GatewayMiddleware } from "#core/http/context.js";
import { holdAnswers } from "#core/http/send-json.js";
import { eventually } from "../../e2e/poll.js";
import { answering, type Served, serve } from "./kit.js";

const MIB = 1024 * 1024;
/** More than the buffers of a connection take. */
const MUCH = "x".repeat(16 * MIB);
const PAGE = Buffer.from(MUCH);
const BODIES: Readonly<Record<string, () => unknown>> = {
  "/text": () => MUCH,
  "/bytes": () => Buffer.from(MUCH),
  "/object": () => ({ text: MUCH }),
  "/list": () => [MUCH],
  // Without a key.
  "/open": () => MUCH,
};
const FREE: Readonly<Record<string, () => unknown>> = {
  "/stream": stream,
  "/page": () => PAGE,
};

describe("large answers whose clients do not read them", () => {
  let served: Served;
  const clients: Socket[] = [];
  before(async () => {
    // Half of it for a key: two answers.
    const memory = new MemoryBudget(80 * MIB);
    const answer = answering(({ path }) => BODIES[path]?.() ?? FREE[path]?.() ?? "small");
    const known: GatewayMiddleware = (ctx, next) => {
      if (!["/page", "/open"].includes(ctx.path)) ctx.state.caller = { keyId: "ci", admin: false };
      return next();
    };
    served = await serve(holdAnswers(memory), known, answer);
  });
  after(() => served.close());
  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
  });

  /** Resolves to the status, having read no more than the beginning. */
  async function ask(path: string): Promise<number> {
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    clients.push(socket);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await once(socket, "readable");
    const beginning: unknown = socket.read(12);
    return Number(String(beginning).slice(9));
  }

  for (const path of Object.keys(BODIES)) {
    it(`are refused where they would fill the memory, until others have been read: ${path}`, async () => {
      expect([await ask(path), await ask(path), await ask(path)]).to.deep.equal([200, 200, 503]);
      expect(await ask("/small")).to.equal(200);
      const refused = await fetch(served.url + path);
      expect([refused.status, refused.headers.get("retry-after")]).to.deep.equal([503, "5"]);
      expect(await refused.json()).to.deep.equal({
        error: "too many large requests or answers wait; try again",
        code: "UNAVAILABLE",
      });
      for (const client of clients.splice(0)) client.destroy();
      await eventually("room again", async () => (await ask(path)) === 200);
    });
  }

  it("do not count if they are streams, of which a part is in memory, or files that all answers share", async () => {
    for (const path of Object.keys(FREE))
      for (let n = 0; n < 4; n++) expect(await ask(path), path).to.equal(200);
  });
});

function stream(): Readable {
  return Readable.from(Array.from({ length: 16 }, () => Buffer.alloc(MIB)));
}
