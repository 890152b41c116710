import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { type CompletedRequest, definePlugin, type Load, type TurnOutcome } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { WebSocket } from "ws";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";

describe("a turn that is cancelled while it begins", () => {
  const completed: CompletedRequest[] = [];
  const ended: TurnOutcome[] = [];
  let load = (): Load => ({ running: 0, queued: 0, processes: 0 });
  const listener = definePlugin({
    name: "listener",
    apiVersion: 1,
    configSchema: { type: "object" },
    needs: ["control"],
    apply({ hooks, control }) {
      load = () => control.load();
      hooks.requestCompleted.tap("keep", (request) => void completed.push(request));
      hooks.afterExecute.tap("keep", (_turn, outcome) => void ended.push(outcome));
    },
  });
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway({
      plugins: [listener],
      replies: function* () {
        yield { wait: "for good" };
      },
    });
  });
  after(() => gateway.close());

  /** Sends a prompt and leaves after so many turns of the event loop, which client and gateway share. */
  async function leaveAfter(path: string, turnsOfLoop: number): Promise<void> {
    const body = '{"prompt":"Hi"}';
    const client = await RawClient.open(gateway.url);
    client.send(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.keys["admin"]}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    for (let turn = 0; turn < turnsOfLoop; turn++) await setImmediate();
    client.leave();
  }

  it("is interrupted when the client disconnects at any moment", async () => {
    const { id } = await gateway.session();
    completed.length = 0;
    const paths = ["/task", "/task/stream", `/session/${id}`, `/session/${id}/stream`];
    for (const path of paths) {
      for (let turnsOfLoop = 0; turnsOfLoop < 10; turnsOfLoop++) await leaveAfter(path, turnsOfLoop);
    }
    await eventually(
      "the end of the turns",
      () => completed.length >= 1 && load().running + load().queued === 0,
      60_000,
    );
    expect(ended.length).to.be.greaterThan(0);
    expect(ended.filter(({ end }) => end !== "interrupted")).to.deep.equal([]);
  });

  it("is interrupted by an interrupt sent directly after the task", async () => {
    ended.length = 0;
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/task/ws`, {
      headers: { authorization: `Bearer ${gateway.keys["admin"]}` },
    });
    const events: string[] = [];
    const closed = once(socket, "close");
    socket.on("message", (data) => void events.push(String(data)));
    await once(socket, "open");
    socket.send('{"prompt":"Hi"}');
    socket.send('{"event":"interrupt"}');
    await eventually("done", () => events.some((event) => event.includes('"event":"done"')));
    await closed;
    expect(ended[0]?.end).to.equal("interrupted");
  });
});
