import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { SessionMessages, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { type AccountGate, startAccountGate, VERTEX } from "./account-gate.js";
import { readTurnLines } from "./audit-lines.js";
import { bash, Conversation } from "./conversation.js";
import { priceOf, sumOfDealt } from "./dealt.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const FIRST = "sk-ant-first-account-0123456789";
const SECOND = "sk-ant-second-account-0123456789";
const BOBS = "sk-ant-bobs-account-0123456789";

function configOf(url: string): string {
  return `
[engine]
spares = 0
accounts = ["first", "second"]
[accounts.first]
ANTHROPIC_API_KEY = "${FIRST}"
[accounts.second]
ANTHROPIC_API_KEY = "${SECOND}"
[accounts.bobs]
ANTHROPIC_AUTH_TOKEN = "${BOBS}"
[accounts.cloud]
CLAUDE_CODE_USE_VERTEX = "1"
CLAUDE_CODE_SKIP_VERTEX_AUTH = "1"
ANTHROPIC_VERTEX_BASE_URL = "${url}/v1"
ANTHROPIC_VERTEX_PROJECT_ID = "project"
CLOUD_ML_REGION = "global"
[keys.bob]
accounts = ["bobs", "cloud"]
`;
}

describe("accounts that take over at a limit", () => {
  let gateway: TestGateway;
  let gate: AccountGate;
  beforeEach(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" } });
    gate = await startAccountGate(gateway.model.url);
    await gateway.stop();
    await gateway.launch({
      config: configOf(gate.url),
      env: { IS_SANDBOX: "1", ANTHROPIC_BASE_URL: gate.url, ANTHROPIC_API_KEY: undefined },
    });
  });
  afterEach(async () => {
    gate.close();
    await gateway.dispose();
  });

  /** The ledger, the API and the model agree on what the session cost, to the nanodollar. */
  async function expectExactMoney(talk: Conversation, turns: number): Promise<void> {
    const dealt = sumOfDealt(talk.dealt());
    const { tokens, cost_usd, task_count } = await talk.view();
    expect(tokens).to.deep.equal(dealt);
    expect(cost_usd).to.be.closeTo(priceOf(dealt), 1e-9);
    expect(task_count).to.equal(turns);
  }

  const credentials = () => gate.requests.map(({ credential }) => credential);

  /** The accounts of each turn of a key, once the log has the last one. */
  async function expectAccounts(keyId: string, expected: readonly (readonly string[])[]): Promise<void> {
    const lines = () => readTurnLines(gateway.logDir, keyId).map(({ accounts }) => accounts);
    await eventually("the lines of the log", () => lines().length >= expected.length);
    expect(lines()).to.deep.equal(expected);
  }

  it("go on with a new conversation, and with a live one, at a limit", async () => {
    const talk = await Conversation.start(gateway);
    expect((await talk.say("[[say one]]")).body.result).to.equal("one");
    gate.states.set(FIRST, "spent");
    const { body } = await talk.say("[[say two]]");
    expect(body).to.include({ success: true, result: "two", error: null });
    expect(body).to.not.have.any.keys("code", "cost_estimated");
    expect((await talk.say("[[recall]]")).body.result).to.equal(
      'I remember 2 earlier prompts: ["[[say one]]","[[say two]]"]',
    );
    const other = await Conversation.start(gateway);
    expect((await other.say("[[say three]]")).body.result).to.equal("three");
    expect(gate.requests).to.deep.equal([
      { credential: FIRST, status: 200 },
      { credential: FIRST, status: 400 },
      { credential: SECOND, status: 200 },
      { credential: SECOND, status: 200 },
      { credential: SECOND, status: 200 },
    ]);
    await expectExactMoney(talk, 3);
    const said = await gateway.request<SessionMessages>(`${talk.path}/messages`);
    expect(said.body.turns).to.have.length(3);
    await expectAccounts("admin", [["first"], ["first", "second"], ["second"], ["second"]]);
  });

  it("are reported in the events of the turn", async () => {
    gate.states.set(FIRST, "spent");
    const body = { prompt: "[[say fine]]", events: ["limits"] };
    const text = await (await gateway.fetch("/task/stream", { body })).text();
    const [, data = ""] = /event: limit\ndata: (.*)/.exec(text) ?? [];
    expect(JSON.parse(data)).to.deep.include({
      status: "rejected",
      limit: "credit_balance",
      account: "first",
      next_account: "second",
    });
    expect(text)
      .to.match(/event: done\ndata: .*"success":true/)
      .and.not.include(FIRST);
    await gateway.logs('"next_account":"second"');
    expect(gateway.stderr).to.not.include(SECOND);
  });

  it("go on after the tools that have run, and run none again", async () => {
    gate.states.set(FIRST, "busy");
    gate.left.set(FIRST, 1);
    const talk = await Conversation.start(gateway);
    const { body } = await talk.say("[[words 2]] [[bash echo once >> ran; cat ran]] [[say done]]");
    expect(body).to.include({ success: true, result: "done" });
    expect((await talk.say("[[bash cat ran]]")).body.result).to.match(/once\n?$/);
    // A busy account is asked three times, not eleven.
    expect(credentials().slice(0, 5)).to.deep.equal([FIRST, FIRST, FIRST, FIRST, SECOND]);
    await expectExactMoney(talk, 2);
  });

  it("go on with the results of calls that the client has run", async () => {
    const talk = await Conversation.start(gateway);
    const client_tools = { weather: { description: "The weather.", input_schema: { type: "object" } } };
    const say = async (prompt: unknown) =>
      (await gateway.request<TurnResponse>(talk.path, { body: { prompt, client_tools } })).body;
    const call = { tool: "mcp__client__weather", input: {} };
    const { client_calls: [made] = [] } = await say(`[[tools ${JSON.stringify([call])}]]`);
    gate.states.set(FIRST, "spent");
    const body = await say([{ type: "tool_result", tool_use_id: made?.id, content: "sunny" }]);
    expect(body).to.include({ success: true, result: "mcp__client__weather answered: sunny", error: null });
    expect(credentials()).to.deep.equal([FIRST, FIRST, SECOND]);
    await expectExactMoney(talk, 2);
  });

  it("record what the turn has used if the next one's CLI is refused: its folder became a link", async () => {
    gate.states.set(FIRST, "spent");
    gate.left.set(FIRST, 1);
    const folder = join(gateway.dir, "named");
    mkdirSync(folder);
    const talk = await Conversation.start(gateway, { workdir: folder });
    const swap = bash(`mv ${folder} ${folder}-moved && ln -s ${gateway.dataDir} ${folder}`);
    const { body } = await talk.say(`[[words 2]] ${swap} [[say done]]`);
    expect(credentials()).to.not.include(SECOND);
    expect(sumOfDealt(talk.dealt()).output).to.be.greaterThan(0);
    await expectExactMoney(talk, 1);
    expect(body).to.include({ success: false, code: "USAGE_LIMIT" });
    await gateway.logs("must not be, contain, or be inside the gateway's data folder");
  });

  it("end the turn with the limit of the last one if all have reached one", async () => {
    gate.states.set(FIRST, "spent").set(SECOND, "spent");
    const { body } = await gateway.request<TurnResponse>("/task", { body: { prompt: "[[say fine]]" } });
    expect(body).to.include({ success: false, code: "USAGE_LIMIT", limit: "credit_balance" });
    expect(credentials()).to.deep.equal([FIRST, SECOND]);
    gate.states.clear();
    // The one that was refused first is tried first.
    await gateway.request("/task", { body: { prompt: "[[say fine]]" } });
    expect(credentials()).to.deep.equal([FIRST, SECOND, FIRST]);
  });

  it("can be a cloud provider, and belong to a key", async () => {
    const talk = await Conversation.start(gateway, {}, KEYS.bob);
    const key = { key: KEYS.bob };
    expect((await talk.say("[[say one]]", key)).body.result).to.equal("one");
    gate.states.set(BOBS, "down");
    expect((await talk.say("[[say two]]", key)).body.result).to.equal("two");
    expect((await talk.say("[[recall]]", key)).body.result)
      .to.include("[[say one]]")
      .and.include("[[say two]]");
    expect(credentials()).to.deep.equal([BOBS, BOBS, BOBS, BOBS, VERTEX, VERTEX]);
    await expectAccounts("bob", [["bobs"], ["bobs", "cloud"], ["cloud"]]);
  });
});
