import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { deferred } from "../../kernel/kit.js";
import { Posted } from "./posted.js";

const configOf = (max_sessions_per_key: number) => ({
  plugins: { mcp: { enabled: true, max_sessions_per_key } },
});

describe("mcp: a reload of its section", () => {
  it("lets calls that run end, and then their session", async () => {
    const released = deferred();
    const gateway = await createTestGateway({
      config: configOf(2),
      async *replies() {
        await released.promise;
        yield "fine";
      },
    });
    try {
      const session = await Posted.open(gateway, "admin");
      const running = session.call("run_task", { prompt: "hello" });
      await eventually("a turn", () => gateway.ran.length > 0);
      await gateway.reload(configOf(3));
      released.resolve();
      expect(await running).to.have.nested.property("content[0].text", "fine");
      expect((await session.post({ id: 9, method: "ping" })).status).to.equal(404);
    } finally {
      released.resolve();
      await gateway.close();
    }
  });
});
