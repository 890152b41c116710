import { type CompletedRequest, definePlugin } from "@claudeway/core";
import type { AuditLog, RefusedAuditLine } from "@claudeway/ports";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { pino } from "pino";
import { completedRequests } from "#core/http/access-log.js";
import { ClientAddresses } from "#core/http/client-address.js";
import { Kernel } from "#kernel/kernel.js";
import { eventually } from "../../e2e/poll.js";
import { serve } from "./kit.js";

describe("a request whose client disconnects", () => {
  const completed: CompletedRequest[] = [];
  const listener = definePlugin({
    name: "listener",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply({ hooks }) {
      hooks.requestCompleted.tap("keep", (request) => void completed.push(request));
    },
  });
  let gateway: TestGateway;
  before(async () => {
    gateway = await createTestGateway({
      plugins: [listener],
      replies: function* () {
        yield "begun";
        yield { wait: "for good" };
      },
    });
  });
  after(() => gateway.close());

  const statusOf = (path: string) =>
    eventually(`the end of ${path}`, () => completed.find((request) => request.path === path)?.status);

  it("before the response begins is reported as 499", async () => {
    const client = new AbortController();
    const left = gateway.turn("Hello", { signal: client.signal }).catch(({ name }: Error) => name);
    await eventually("the turn", () => gateway.ran.length === 1);
    client.abort();
    expect(await left).to.equal("AbortError");
    expect(await statusOf("/task")).to.equal(499);
  });

  it("during the response is reported with its status", async () => {
    for await (const _ of gateway.stream("Hello")) break;
    expect(await statusOf("/task/stream")).to.equal(200);
  });
});

describe("a request whose sender is unknown", () => {
  const lines: RefusedAuditLine[] = [];
  const audit: AuditLog = {
    turn: () => undefined,
    approval: () => undefined,
    request: () => undefined,
    refused: (line) => void lines.push(line),
    latestTurns: async () => new Set(),
    flush: async () => undefined,
    close: async () => undefined,
  };

  it("has a line where it was refused, and none where there is nothing or it was answered", async () => {
    const kernel = new Kernel({ log: pino({ level: "silent" }) });
    const served = await serve(
      completedRequests({ kernel, audit, addresses: new ClientAddresses([]) }),
      (ctx) => {
        ctx.status = Number(ctx.path.slice(1));
      },
    );
    try {
      for (const status of [200, 302, 401, 403, 404, 429, 500]) {
        const response = await fetch(`${served.url}/${status}`, { redirect: "manual" });
        await response.text();
      }
    } finally {
      await served.close();
    }
    expect(lines.map(({ path, status }) => [path, status])).to.deep.equal([
      ["/401", 401],
      ["/403", 403],
      ["/429", 429],
    ]);
  });
});
