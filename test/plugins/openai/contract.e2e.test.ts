import { expect } from "chai";
import { KEYS, TestGateway } from "../../e2e/gateway.js";

/** Each answer is held against the plugin's part of the OpenAPI document. */
describe("openai and its OpenAPI description", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({
      env: { IS_SANDBOX: "1" },
      args: ["--enable-plugin", "openai,swagger"],
    });
  });
  after(() => gateway.dispose());

  const complete = (body: unknown, key: string = KEYS.bob) =>
    gateway.request("/v1/chat/completions", { body, key });
  const messages = [{ role: "user", content: "[[words 2]]" }];

  it("agree on answers and on errors, the gateway's own included", async () => {
    expect((await gateway.request("/v1/models", { key: KEYS.bob })).status).to.equal(200);
    expect((await gateway.request("/v1/models/sonnet", { key: KEYS.bob })).status).to.equal(200);
    const statuses = [];
    for (const [body, key] of [
      [{ model: "sonnet", messages }],
      [{ model: "sonnet", messages: [] }],
      ["not JSON"],
      [{ model: "sonnet", messages }, "sk-wrong"],
      [{ model: "sonnet", messages: [{ role: "user", content: "[[fail 500 broken]]" }] }],
    ] as const)
      statuses.push((await complete(body, key)).status);
    expect(statuses).to.deep.equal([200, 400, 400, 401, 502]);
  });

  it("agree on stored responses", async () => {
    const key = KEYS.bob;
    const request = { model: "sonnet", input: "[[words 2]]" };
    const { status, body } = await gateway.request("/v1/responses", { body: request, key });
    expect(status).to.equal(200);
    const path = `/v1/responses/${String(body["id"])}`;
    expect((await gateway.request(path, { key })).body).to.deep.equal(body);
    expect((await gateway.request(path, { key, method: "DELETE" })).status).to.equal(200);
    expect((await gateway.request(path, { key })).status).to.equal(404);
  });

  it("name the model that does not exist", async () => {
    const { status, body } = await gateway.request("/v1/models/none", { key: KEYS.bob });
    expect(status).to.equal(404);
    expect(body).to.deep.equal({
      error: {
        message: 'the model "none" does not exist',
        type: "invalid_request_error",
        param: "model",
        code: "model_not_found",
      },
    });
  });
});
