import { expect } from "chai";
import type { FailureCode, TurnResponse } from "#schemas/index.js";
import { Conversation } from "./conversation.js";
import { TestGateway } from "./gateway.js";
import { limitSecs } from "./poll.js";

/** A CLI that is logged in to a subscription: only then does it read the account's limits. */
const SUBSCRIBED = { ANTHROPIC_API_KEY: undefined, CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-scripted" };
const NO_SPARES = "[engine]\nspares = 0\n";

/** What the API answers, and what a client is told. */
const CAUSES: readonly (readonly [what: string, prompt: string, code: FailureCode | undefined])[] = [
  ["a login that is refused", "[[fail 401 invalid bearer token]]", "AUTHENTICATION_FAILED"],
  ["an account without permission", "[[fail 403 not allowed]]", "AUTHENTICATION_FAILED"],
  ["too many requests", "[[fail 429 slow down]]", "RATE_LIMITED"],
  ["an overloaded API", "[[fail 529 Overloaded]]", "OVERLOADED"],
  ["a server error", "[[fail 500 broken]]", "API_UNREACHABLE"],
  ["a proxy without the API behind it", "[[fail 502 bad gateway]]", "API_UNREACHABLE"],
  ["a request that is too large", "[[fail 413 too large]]", "CONTEXT_TOO_LONG"],
  [
    "a prompt that is too long",
    "[[fail 400 prompt is too long: 215000 tokens > 200000 maximum]]",
    "CONTEXT_TOO_LONG",
  ],
  ["a refusal by the model's safeguards", "[[refuse]]", "REFUSED"],
  [
    "an empty account",
    "[[fail 400 Your credit balance is too low to access the Anthropic API.]]",
    "USAGE_LIMIT",
  ],
  ["a request that the API refuses for what is in it", "[[fail 400 no]]", "INVALID_REQUEST"],
  ["any other error", "[[fail 409 no]]", undefined],
];

describe("codes of failures on Claude's side", () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await TestGateway.start({ env: { ...SUBSCRIBED, IS_SANDBOX: "1" }, config: NO_SPARES });
  });
  after(() => gateway.dispose());

  for (const [what, prompt, code] of CAUSES) {
    it(`${code ?? "no code"}: ${what}`, async () => {
      const { status, body } = await gateway.request<TurnResponse>("/task", { body: { prompt } });
      expect(status).to.equal(200);
      expect(body.success).to.equal(false);
      expect(body.error).to.be.a("string").and.not.equal("");
      expect(body.code).to.equal(code);
    });
  }

  it("MODEL_UNAVAILABLE: a model that the API does not know", async () => {
    const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: "Hi", model: "gpt-9" } });
    expect(body).to.include({ success: false, code: "MODEL_UNAVAILABLE" });
  });

  it("says what the operator has to do where the login is refused", async () => {
    const prompt = "[[fail 401 invalid bearer token]]";
    const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt } });
    expect(body.error).to.include("invalid bearer token").and.to.include("claudeway login");
  });

  it("gives the code of a failure after tool calls, in a session and in its stream, and what they cost", async () => {
    const talk = await Conversation.start(gateway);
    const { body } = await talk.say("[[bash echo one]] [[fail 529 Overloaded]]");
    expect(body).to.include({ success: false, code: "OVERLOADED" });
    expect(body.cost_usd).to.be.greaterThan(0);
    const events = await gateway.events(`${talk.path}/stream`, {
      body: { prompt: "[[words 2]] [[fail 400 no]]" },
    });
    expect(JSON.parse(events.at(-1)?.data ?? "{}")).to.include({ success: false });
    expect((await talk.say("[[say fine]]")).body).to.include({ success: true, result: "fine" });
  });

  it("keeps a subagent's failure out of the turn's code", async () => {
    const { body } = await gateway.request<TurnResponse>("/task", {
      body: { prompt: "[[subagent [[fail 529 Overloaded]]]] [[fail 400 no]]" },
    });
    expect(body.success).to.equal(false);
    expect(body.code).to.equal("INVALID_REQUEST");
  });

  it("TIMEOUT during retries: names the cause, now and when the turn is read again", async () => {
    const { status, body, headers } = await gateway.request("/task", {
      body: { prompt: "[[fail 20x 529 Overloaded]]", timeout_secs: limitSecs(8) },
    });
    expect(status).to.equal(408);
    expect(body).to.deep.equal({
      error: "the turn ran past timeout_secs while a failing request was repeated: OVERLOADED",
      code: "TIMEOUT",
      cause: "OVERLOADED",
    });
    const { body: turn } = await gateway.request<{ result: TurnResponse }>(
      `/turns/${headers.get("x-turn-id")}`,
    );
    expect(turn.result).to.include({ code: "TIMEOUT", cause: "OVERLOADED" });
  });

  it("TIMEOUT after a retry that got through: names no cause", async () => {
    const { status, body } = await gateway.request("/task", {
      body: { prompt: "[[fail 1x 529 Overloaded]] [[words 2]] [[hang]]", timeout_secs: limitSecs(8) },
    });
    expect(status).to.equal(408);
    expect(body).to.deep.equal({ error: "the turn ran past timeout_secs", code: "TIMEOUT" });
  });

  // Last: for some seconds the account is limited for every other turn too.
  for (const limit of ["five_hour", "seven_day"]) {
    it(`USAGE_LIMIT: ${limit}, with the time when it is lifted, and the session works after that`, async () => {
      const talk = await Conversation.start(gateway);
      const before = Date.now();
      const { body } = await talk.say(`[[limit ${limit} 8]] [[say fine]]`);
      expect(body).to.include({ success: false, code: "USAGE_LIMIT", limit, cost_usd: 0 });
      // The CLI reports a limit only once per process.
      const again = (await talk.say("[[say fine]]")).body;
      expect(again).to.include({ code: "USAGE_LIMIT", limit, resets_at: body.resets_at });
      const resetsAt = Date.parse(body.resets_at ?? "");
      expect(resetsAt)
        .to.be.at.least(before + 8000)
        .and.at.most(Date.now() + 9000);
      await new Promise((resolve) => setTimeout(resolve, resetsAt - Date.now()));
      expect((await talk.say("[[say fine]]")).body).to.include({ success: true, result: "fine" });
    });
  }

  it("the gateway logs no errors", () => {
    expect(gateway.stderr).to.not.match(/"level":"(error|fatal)"/);
  });
});

describe("an API that can't be reached", () => {
  it("API_UNREACHABLE", async () => {
    const env = { ANTHROPIC_BASE_URL: "http://127.0.0.1:1", CLAUDE_CODE_MAX_RETRIES: "1" };
    const gateway = await TestGateway.start({ env, config: NO_SPARES });
    try {
      const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: "Hi" } });
      expect(body).to.include({ success: false, code: "API_UNREACHABLE" });
    } finally {
      await gateway.dispose();
    }
  });
});
