import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import plugin from "#plugins/model-router/index.js";

const ROUTES = [
  { asked_for: "opus", key_ids: ["user"], model: "sonnet", max_budget_usd: 0.5 },
  { longer_than: 100, model: "claude-long" },
];

describe("the example model_router", () => {
  let gateway: TestGateway;

  before(async () => {
    gateway = await createTestGateway({ plugins: [[plugin, { routes: ROUTES }]] });
  });
  after(() => gateway.close());

  /** The model and budget that a turn ran with. */
  async function routed(prompt: string, options: { model: string; key?: string }) {
    await gateway.turn(prompt, options);
    const { model, maxBudgetUsd } = gateway.ran.at(-1)?.plan ?? {};
    return { model, maxBudgetUsd };
  }

  it("uses the first route whose conditions all match", async () => {
    const key = "user";
    expect(await routed("x", { model: "opus", key })).to.deep.equal({ model: "sonnet", maxBudgetUsd: 0.5 });
    const long = "x".repeat(101);
    expect(await routed(long, { model: "opus", key })).to.include({ model: "sonnet" });
    expect(await routed(long, { model: "haiku" })).to.include({ model: "claude-long" });
  });

  it("leaves other turns unchanged", async () => {
    for (const model of ["opus", "haiku"]) {
      expect(await routed("x", { model })).to.deep.equal({ model, maxBudgetUsd: undefined });
    }
  });
});
