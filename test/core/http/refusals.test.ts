import { definePlugin, Refusal } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import { expect } from "chai";

const SPENT = { budget: "team-a", limit_usd: 5, spent_usd: 5.01 };
const OPTIONS = { code: "BUDGET_SPENT", headers: { "x-budget": "team-a" }, details: SPENT };

describe("a refusal", () => {
  let gateway: TestGateway;
  const plugin = definePlugin<object>({
    name: "budgets",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.request.tap("spent", ({ headers }) =>
        headers["x-spent"] === undefined ? undefined : new Refusal(402, "spent", OPTIONS),
      );
      kernel.hooks.beforeExecute.tap("spent", ({ prompt }) => {
        if (prompt === "402") throw new Refusal(402, "spent", OPTIONS);
        if (prompt === "plain") throw new Refusal(402, "spent");
      });
      const router = new Router();
      router.get("/", () => {
        throw new Refusal(418, "short and stout", { code: "TEAPOT", retryAfterSecs: 3 });
      });
      router.get("/door", ({ query }) => {
        throw new Refusal(401, "who?", query["own"] ? { headers: { "www-authenticate": "Door" } } : {});
      });
      kernel.mount("/tea", router);
    },
  });
  before(async () => {
    gateway = await createTestGateway({ plugins: [plugin] });
  });
  after(() => gateway.close());

  const shown = async (response: Response) => [
    response.status,
    response.headers.get("x-budget"),
    await response.json(),
  ];
  const task = (prompt: string) => gateway.fetch("/task", { method: "POST", body: { prompt } });

  it("of a request has its own code, headers and details", async () => {
    const response = await gateway.fetch("/sessions", { headers: { "x-spent": "yes" } });
    expect(await shown(response)).to.deep.equal([
      402,
      "team-a",
      { error: "spent", code: "BUDGET_SPENT", details: SPENT },
    ]);
  });

  it("of a turn has them too, and in a stream its last event has code and details", async () => {
    expect(await shown(await task("402"))).to.deep.equal([
      402,
      "team-a",
      { error: "spent", code: "BUDGET_SPENT", details: SPENT },
    ]);
    const events = [];
    for await (const event of gateway.stream("402")) events.push(event);
    expect(events.at(-1)?.data).to.include({ success: false, error: "spent", code: "BUDGET_SPENT" });
    expect(events.at(-1)?.data).to.have.deep.property("details", SPENT);
  });

  it("with 402 and no code of its own is PAYMENT_REQUIRED", async () => {
    expect(await shown(await task("plain"))).to.deep.equal([
      402,
      null,
      { error: "spent", code: "PAYMENT_REQUIRED" },
    ]);
  });

  it("of a plugin's route has them", async () => {
    const response = await gateway.fetch("/tea");
    expect([response.status, response.headers.get("retry-after"), await response.json()]).to.deep.equal([
      418,
      "3",
      { error: "short and stout", code: "TEAPOT" },
    ]);
  });

  it("with 401 says how to authenticate, by default with a Bearer key", async () => {
    const asked = async (path: string) => {
      const { status, headers } = await gateway.fetch(path);
      return [status, headers.get("www-authenticate")];
    };
    expect(await asked("/tea/door")).to.deep.equal([401, "Bearer"]);
    expect(await asked("/tea/door?own=1")).to.deep.equal([401, "Door"]);
  });

  const WRONG: readonly (readonly [string, ConstructorParameters<typeof Refusal>[2]])[] = [
    ["a code in lower case", { code: "spent" }],
    ["an empty code", { code: "" }],
    ["a header name with a blank", { headers: { "x spent": "1" } }],
    ["a header value with a line break", { headers: { "x-spent": "1\r\nx-other: 2" } }],
    ["details that cannot be JSON", { details: { n: 1n } }],
  ];
  for (const [what, options] of WRONG) {
    it(`cannot be made with ${what}`, () => {
      expect(() => new Refusal(402, "spent", options)).to.throw(TypeError);
    });
  }
});
