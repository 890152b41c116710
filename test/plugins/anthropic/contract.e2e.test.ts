import { expect } from "chai";
import { KEYS, TestGateway } from "../../e2e/gateway.js";

/** Each answer is held against the plugin's part of the OpenAPI document. */
describe("anthropic and its OpenAPI description", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      env: { IS_SANDBOX: "1" },
      args: ["--enable-plugin", "anthropic,swagger"],
    });
  });
  after(() => gateway.dispose());

  it("agree on answers and on errors, the gateway's own included", async () => {
    expect((await gateway.request("/v1/models", { key: KEYS.bob })).status).to.equal(200);
    expect((await gateway.request("/v1/models/none", { key: KEYS.bob })).status).to.equal(404);
    const messages = [{ role: "user", content: "[[words 2]]" }];
    const count = { model: "sonnet", messages };
    expect((await gateway.request("/v1/messages/count_tokens", { body: count })).status).to.equal(200);
    const statuses = [];
    for (const [body, key] of [
      [{ model: "sonnet", messages }],
      [{ model: "sonnet", messages: [] }],
      ["not JSON"],
      [{ model: "sonnet", messages }, "sk-wrong"],
      [{ model: "sonnet", messages: [{ role: "user", content: "[[fail 400 broken]]" }] }],
    ] as const)
      statuses.push((await gateway.request("/v1/messages", { body, key: key ?? KEYS.bob })).status);
    expect(statuses).to.deep.equal([200, 400, 400, 401, 400]);
  });
});
