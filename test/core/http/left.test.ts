import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { definePlugin, type Load } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";

/** More than the files of one key that are transferred at once. */
const FILES = 20;

describe("a client that leaves", () => {
  let load = (): Load => ({ running: 0, queued: 0, processes: 0 });
  const listener = definePlugin({
    name: "listener",
    apiVersion: 1,
    configSchema: { type: "object" },
    needs: ["control"],
    apply({ control }) {
      load = () => control.load();
    },
  });
  let gateway: TestGateway;
  let file: string;
  let asked = 0;

  before(async () => {
    gateway = await createTestGateway({
      plugins: [listener],
      replies: function* () {
        asked++;
        yield { wait: "for good" };
      },
    });
    file = `/session/${(await gateway.session()).id}/files/a.txt`;
    const { status } = await gateway.fetch(file, { method: "PUT", body: "a".repeat(100_000) });
    expect(status).to.equal(200);
  });
  after(() => gateway.close());

  const key = () => `Host: x\r\nAuthorization: Bearer ${gateway.keys["admin"]}\r\n`;
  const get = (path: string) => `GET ${path} HTTP/1.1\r\n${key()}\r\n`;
  const task = () => {
    const body = '{"prompt":"Hi"}';
    const head = `POST /task HTTP/1.1\r\n${key()}Content-Type: application/json\r\n`;
    return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  };
  const isOver = () => load().running + load().queued === 0;

  it("has its turn stopped, and those behind it never begin", async () => {
    asked = 0;
    const client = await RawClient.open(gateway.url);
    client.send(task() + task() + task());
    await eventually("the turn", () => asked === 1);
    client.leave();
    await eventually("its end", isOver, 60_000);
    expect(asked).to.equal(1);
  });

  it("keeps no place for files that wait behind another answer", async () => {
    for (let count = 0; count < FILES; count++) {
      const client = await RawClient.open(gateway.url);
      client.send(task() + get(file));
      await eventually("the turn", () => !isOver());
      client.leave();
      await eventually("its end", isOver, 60_000);
    }
    expect((await gateway.fetch(file)).status).to.equal(200);
  });

  it("keeps no place for files, at whichever moment it does", async () => {
    for (let count = 0; count < 10 * FILES; count++) {
      const client = await RawClient.open(gateway.url);
      client.send(get(file));
      for (let turn = 0; turn < count % 50; turn++) await setImmediate();
      client.leave();
    }
    const isServed = async () => (await gateway.fetch(file)).status === 200;
    await eventually("a place", isServed, 60_000);
  });
});

describe("a client whose bodies are refused before they have come", () => {
  it("leaves nothing behind on its connection, however often", async () => {
    const gateway = await createTestGateway();
    const client = await RawClient.open(gateway.url);
    const warnings: string[] = [];
    const onWarning = ({ message }: Error) => void warnings.push(message);
    process.on("warning", onWarning);
    const answers = () => client.received.split("HTTP/1.1 401 ").length - 1;
    for (let count = 1; count <= 15; count++) {
      client.send("POST /task HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
      await eventually(`${count} answers`, () => answers() === count, 60_000);
      client.send("Hello");
    }
    await sleep(1_500);
    process.off("warning", onWarning);
    expect(client.isClosed, "every body came").to.equal(false);
    client.leave();
    await gateway.close();
    expect(warnings).to.deep.equal([]);
  });
});

describe("a client that leaves in the middle of its body, while a plugin decides", () => {
  let isAsked = false;
  let decide: () => void = () => undefined;
  const slow = definePlugin({
    name: "slow",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply({ hooks }) {
      hooks.request.tapPromise("wait", async () => {
        isAsked = true;
        await new Promise<void>((resolve) => {
          decide = resolve;
        });
        return undefined;
      });
    },
  });

  for (const type of ["application/json", "multipart/form-data; boundary=b", "application/octet-stream"]) {
    it(`is no defect of the gateway: ${type}`, async () => {
      const gateway = await createTestGateway({ plugins: [slow] });
      const client = await RawClient.open(gateway.url);
      isAsked = false;
      const id = "00000000-0000-4000-8000-000000000000";
      const start = type.endsWith("stream") ? `PUT /session/${id}/files/a.txt` : "POST /task";
      const head = `${start} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.keys["admin"]}\r\n`;
      client.send(`${head}Content-Type: ${type}\r\nContent-Length: 50\r\n\r\n{"prom`);
      await eventually("the question", () => isAsked);
      client.leave();
      await sleep(100);
      decide();
      await sleep(200);
      const faults = gateway.logs.filter(({ level }) => level === "error");
      await gateway.close();
      expect(faults).to.deep.equal([]);
    });
  }
});
