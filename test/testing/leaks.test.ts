import { executionAsyncId } from "node:async_hooks";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer, type Server } from "node:net";
import { pathToFileURL } from "node:url";
import { definePlugin } from "@claudeway/core";
import { createTestGateway, LeakError, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { fixture, pause, rejection } from "../kernel/kit.js";

const KINDS = [
  "timer",
  "interval",
  "sleep",
  "listening socket",
  "socket",
  "child process",
  "file watcher",
] as const;
/** What they are called where not by their own names. */
const CALLED: Readonly<Record<string, string>> = { interval: "timer", sleep: "timer" };

describe("the leak check", () => {
  let server: Server;
  let port: number;
  let gateway: TestGateway;
  let tidy: (() => void)[];

  before(async () => {
    // The very module that the gateway imports.
    ({ tidy } = await import(pathToFileURL(`${fixture("leaves-behind")}/index.js`).href));
    server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
    await once(server, "listening");
    port = portOf(server);
  });

  after(() => {
    server.close();
  });

  /** Starts it with something to leave, has it leave it, and switches it off. */
  async function leave(what: string, from: string): Promise<void> {
    gateway = await createTestGateway({ plugins: [[fixture("leaves-behind"), { what, from, port }]] });
    await gateway.turn("hello");
    await gateway.fetch("/leave");
    await pause(10);
    await gateway.disable("leaves_behind");
  }

  afterEach(() => {
    for (const one of tidy.splice(0)) one();
  });

  for (const what of KINDS) {
    it(`names a ${what}, its plugin, and where it was created`, async () => {
      await leave(what, "apply");
      const error = await rejection(gateway.close());
      expect(error).to.be.instanceOf(LeakError);
      expect(error)
        .to.have.property("message")
        .that.matches(new RegExp(`^plugin leaves_behind: left a ${CALLED[what] ?? what} behind, made at `))
        .and.contains("leaves-behind/index.js:");
    });
  }

  for (const from of ["tap", "route", "later"]) {
    it(`finds a resource created ${from === "later" ? from : `in a ${from}`}`, async () => {
      await leave("timer", from);
      expect(await gateway.leaks()).to.have.length(1);
      await rejection(gateway.close());
    });
  }

  it("finds resources of a failed apply", async () => {
    gateway = await createTestGateway();
    const half = definePlugin<object>({
      name: "half",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply() {
        const timer = setInterval(() => undefined, 60_000);
        tidy.push(() => clearInterval(timer));
        throw new Error("half-way");
      },
    });
    await rejection(gateway.enable(half));
    const [leak] = await gateway.leaks();
    expect(leak).to.include({ plugin: "half", kind: "timer" });
    await rejection(gateway.close());
  });

  it("ignores closed resources, and those of the gateway's services", async () => {
    const tidyOne = definePlugin<object, "turns">({
      name: "tidy",
      apiVersion: 1,
      configSchema: { type: "object" },
      needs: ["turns"],
      async apply(kernel) {
        const timer = setInterval(() => undefined, 10);
        kernel.onDispose(() => clearInterval(timer));
        // Node keeps the connection for a while.
        await (await fetch(`http://127.0.0.1:${portOf(answers)}`)).text();
        const session = await kernel.turns.startSession("admin");
        await kernel.turns.prompt("admin", session.id, { prompt: "wait" });
      },
    });
    const answers = createHttpServer((_, response) => response.end("ok")).listen(0, "127.0.0.1");
    await once(answers, "listening");
    try {
      gateway = await createTestGateway({ plugins: [tidyOne], replies: () => [{ wait: 60_000 }] });
      while (gateway.ran.length === 0) await pause(1);
      await gateway.disable("tidy");
      expect(await gateway.leaks()).to.deep.equal([]);
      await gateway.close();
    } finally {
      answers.close();
      answers.closeAllConnections();
    }
  });

  it("tracks nothing more once the gateway is closed", async () => {
    const listens = definePlugin<object>({
      name: "listens",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply(kernel) {
        kernel.hooks.event.tap("all", () => undefined);
      },
    });
    gateway = await createTestGateway({ plugins: [listens] });
    await gateway.turn("hello");
    expect(await promisesAreTracked()).to.equal(true);
    await gateway.close();
    expect(await promisesAreTracked()).to.equal(false);
  });
});

/** Node gives a promise an id of its own only while something tracks promises. */
async function promisesAreTracked(): Promise<boolean> {
  return (await Promise.resolve().then(executionAsyncId)) !== 0;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
