import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { deferred } from "../../kernel/kit.js";
import { Posted } from "./posted.js";

describe("mcp: an answer that is waited for", () => {
  let gateway: TestGateway;
  const held = deferred();
  before(async () => {
    gateway = await createTestGateway({
      controlTime: true,
      plugins: ["mcp"],
      *replies() {
        yield { wait: held.promise };
        yield "done";
      },
    });
  });
  after(async () => {
    held.resolve();
    await gateway.close();
  });

  it("keeps its connection alive meanwhile, also where the answer is held back to be counted", async () => {
    const session = await Posted.open(gateway, "user");
    const { structuredContent } = await session.call("start_task", { prompt: "held" });
    const args = { task_id: structuredContent?.["task_id"], wait_secs: 50 };
    const params = { name: "get_task", arguments: args };
    const { body } = await session.post({ id: "wait", method: "tools/call", params });
    const chunks = body?.pipeThrough(new TextDecoderStream()).getReader();
    let answer = "";
    for (const _ of [1, 2]) {
      await gateway.advance(16_000);
      answer += (await chunks?.read())?.value;
    }
    expect(answer).to.equal(": keepalive\n\n: keepalive\n\n");
    held.resolve();
    for (let next = await chunks?.read(); next?.done === false; next = await chunks?.read())
      answer += next.value;
    expect(answer).to.match(/^(: keepalive\n\n){2}event: message\ndata: .*"text":"done"/);
  });
});
