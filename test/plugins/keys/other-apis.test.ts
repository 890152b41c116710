import { expect } from "chai";
import { KeysGateway } from "./kit.js";

describe("keys made at run time on the APIs of other plugins", () => {
  let keys: KeysGateway;
  before(async () => {
    keys = await KeysGateway.start({}, { plugins: ["openai", "anthropic"], replies: "fine" });
  });
  after(() => keys.gateway.close());

  const messages = [{ role: "user", content: "hello" }];
  const chat = (secret: string, model: string) =>
    keys.as(secret, "/v1/chat/completions", { body: { model, messages } });

  it("are accepted by both, with their limits, and errors have the format of each", async () => {
    const { id, secret } = await keys.make({ models: ["haiku"] });
    const good = await chat(secret, "haiku");
    expect(good.status).to.equal(200);
    const refused = await chat(secret, "opus");
    expect(refused.status).to.equal(403);
    expect(Object(refused.body)["error"].message).to.match(
      /^model must be one that this key may use \(haiku\), got "opus"/,
    );
    const native = await keys.request("/v1/messages", {
      body: { model: "opus", max_tokens: 10, messages },
      key: null,
      headers: { "x-api-key": secret },
    });
    expect([native.status, native.body["type"]]).to.deep.equal([403, "error"]);
    await keys.request(`/admin/keys/${id}`, { method: "DELETE" });
    expect((await chat(secret, "haiku")).status).to.equal(401);
  });
});
