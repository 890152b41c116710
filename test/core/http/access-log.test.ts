import { type CompletedRequest, definePlugin } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";

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
