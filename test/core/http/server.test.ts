import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { answering, type Served, serveImpatiently } from "./kit.js";

const MUCH = "x".repeat(50_000_000);

describe("the HTTP server", () => {
  let served: Served;
  before(async () => {
    served = await serveImpatiently(
      // Two minutes in earnest.
      100,
      async (ctx, next) => {
        if (ctx.path === "/late") await sleep(500);
        // Leaving such a loop destroys the request, and it has no socket from then on.
        if (ctx.path === "/given-up") for await (const _ of ctx.req) break;
        await next();
      },
      answering((ctx) => (ctx.path === "/much" ? MUCH : "fine")),
    );
  });
  after(() => served.close());

  function connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      served.server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  async function ask(path: string) {
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return socket;
  }

  it("disconnects a client that does not read its response", async () => {
    const socket = await ask("/much");
    socket.pause();
    await eventually("the connection", async () => (await connections()) === 1);
    await eventually("its end", async () => (await connections()) === 0);
    socket.destroy();
  });

  it("keeps a silent client that waits for its response", async () => {
    const socket = await ask("/late");
    const [answer] = await once(socket.setEncoding("utf8"), "data");
    expect(answer).to.match(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it("keeps a resting connection for longer than a proxy does, and says so", async () => {
    const { headers } = await fetch(served.url);
    const [, secs] = /^timeout=(\d+)$/.exec(headers.get("keep-alive") ?? "") ?? [];
    expect(Number(secs)).to.be.greaterThan(120);
  });

  it("answers a request whose body the route stopped reading", async () => {
    const socket = connect(Number(new URL(served.url).port), "127.0.0.1");
    socket.write("POST /given-up HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
    const [answer] = await once(socket.setEncoding("utf8"), "data");
    expect(answer).to.match(/^HTTP\/1\.1 200 /);
    await once(socket, "close");
  });
});
