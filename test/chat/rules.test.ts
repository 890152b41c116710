import { type CompletedRequest, definePlugin, Refusal } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";

const TURN_USD = 0.5;
const MESSAGES = [{ role: "user", content: "hello" }];

/** The routes that run turns, each with a body. */
const ROUTES: readonly (readonly [path: string, body: object])[] = [
  ["/v1/chat/completions", { model: "sonnet", messages: MESSAGES }],
  ["/v1/responses", { model: "sonnet", input: "hello" }],
  ["/v1/messages", { model: "sonnet", max_tokens: 10, messages: MESSAGES }],
];

/** A message of an error in the format of a route. */
function errorOn(path: string, body: unknown): { message: string; type: string; code?: string } {
  const { type, error } = Object(body);
  if (path === "/v1/messages") expect(type).to.equal("error");
  else expect(error).to.have.all.keys("message", "type", "param", "code");
  return error;
}

describe("the rules of keys on the chat APIs", () => {
  let gateway: TestGateway;
  let completed: CompletedRequest[];
  let outcomes: (readonly [keyId: string, costUsd: number | null])[];
  const watcher = definePlugin<object>({
    name: "watcher",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.request.tap("refuse", ({ headers }) =>
        headers["x-refuse"] === undefined
          ? undefined
          : new Refusal(429, "not so fast", {
              retryAfterSecs: 7,
              headers: { "x-ratelimit-limit-requests": "3" },
            }),
      );
      kernel.hooks.requestCompleted.tap("keep", (request) => void completed.push(request));
      kernel.hooks.afterExecute.tap(
        "keep",
        ({ keyId }, { response }) => void outcomes.push([keyId, response.cost_usd]),
      );
    },
  });

  async function start(budget: number): Promise<void> {
    completed = [];
    outcomes = [];
    const budgets = [{ name: "daily", usd: budget, window: "day", reserve_usd: 0.25 }];
    gateway = await createTestGateway({
      plugins: [["limits", { budgets }], watcher, "openai", "anthropic"],
      keys: ["admin", "user", "other"],
      *replies() {
        yield { usage: { costUsd: TURN_USD, input: 100, output: 10 } };
        yield "fine";
      },
    });
  }
  afterEach(() => gateway.close());

  async function post(
    path: string,
    body: object,
    headers: Readonly<Record<string, string>> = {},
    key = "user",
  ) {
    const response = await gateway.fetch(path, { body, key, headers });
    return { response, body: Object(await response.json()) };
  }

  for (const [path, request] of ROUTES) {
    it(`${path}: a used up budget is a 402 in the client's format, and no turn begins`, async () => {
      await start(TURN_USD);
      expect((await post(path, request)).response.status).to.equal(200);
      for (const stream of [false, true]) {
        const { response, body } = await post(path, { ...request, stream });
        expect(response.status).to.equal(402);
        const { message, type, code } = errorOn(path, body);
        expect(message).to.match(/^the budget daily of this key is used up: 0\.5 USD spent .*begins anew at/);
        expect(code ?? type).to.equal(path === "/v1/messages" ? "billing_error" : "insufficient_quota");
        expect(response.headers.get("retry-after")).to.equal(null);
      }
      expect(gateway.ran).to.have.length(1);
      expect((await post(path, request, {}, "other")).response.status, "another key's budget").to.equal(200);
    });

    it(`${path}: its turn is the key's, with its cost, and can be read by its id`, async () => {
      await start(10);
      const { response } = await post(path, request);
      const id = response.headers.get("x-turn-id") ?? "";
      const turn = async (key: string) => (await gateway.fetch(`/turns/${id}`, { key })).status;
      expect([await turn("user"), await turn("other")]).to.deep.equal([200, 404]);
      expect(outcomes).to.deep.equal([["user", TURN_USD]]);
      const limits = Object(await (await gateway.fetch("/limits", { key: "user" })).json()).limits;
      expect(limits[0].used).to.equal(TURN_USD);
    });

    it(`${path}: its request is in the key's log, refused or not`, async () => {
      await start(10);
      await post(path, request);
      await post(path, { ...request, model: "" });
      const seen = completed.filter((one) => one.path === path);
      expect(seen.map(({ status, keyId }) => [status, keyId])).to.deep.equal([
        [200, "user"],
        [400, "user"],
      ]);
    });

    it(`${path}: the request hook refuses in the client's format, with its headers`, async () => {
      await start(10);
      const { response, body } = await post(path, request, { "x-refuse": "1" });
      expect(response.status).to.equal(429);
      const { message, type } = errorOn(path, body);
      expect([message, type]).to.deep.equal(["not so fast", "rate_limit_error"]);
      expect(response.headers.get("retry-after")).to.equal("7");
      expect(response.headers.get("x-ratelimit-limit-requests")).to.equal("3");
      expect(gateway.ran).to.be.empty;
    });
  }

  it("a response belongs to its key", async () => {
    await start(10);
    const { body } = await post("/v1/responses", { model: "sonnet", input: "hello" });
    const read = async (key: string, method = "GET") =>
      (await gateway.fetch(`/v1/responses/${body.id}`, { key, method })).status;
    expect([await read("other"), await read("other", "DELETE"), await read("user")]).to.deep.equal([
      404, 404, 200,
    ]);
    const next = { model: "sonnet", input: "more", previous_response_id: body.id };
    const stolen = await post("/v1/responses", next, {}, "other");
    expect([stolen.response.status, stolen.body.error.code]).to.deep.equal([
      400,
      "previous_response_not_found",
    ]);
  });
});
