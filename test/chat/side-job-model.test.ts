import { definePlugin, Refusal } from "@claudeway/core";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";

const TITLE = "Based on the chat history, give this conversation a name.\nKeep it short.\nhi";

describe("side jobs of a key with few models", () => {
  it("run on the client's own model if that of side jobs is refused", async () => {
    const asked: string[] = [];
    const models = definePlugin<object>({
      name: "models",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply(kernel) {
        kernel.hooks.beforeExecute.tap("models", (plan) => {
          asked.push(plan.model);
          if (plan.model !== "sonnet") throw new Refusal(403, "not that model");
          return plan;
        });
      },
    });
    const gateway = await createTestGateway({ plugins: ["openai", models], replies: () => "Title" });
    try {
      for (const stream of [false, true]) {
        const body = { model: "sonnet", messages: [{ role: "user", content: TITLE }], stream };
        const response = await gateway.fetch("/v1/chat/completions", { body });
        expect(response.status).to.equal(200);
        expect(await response.text()).to.contain("Title");
      }
      expect(asked).to.deep.equal(["haiku", "sonnet", "haiku", "sonnet"]);
    } finally {
      await gateway.close();
    }
  });
});
