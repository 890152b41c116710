import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import type { Session, SessionStarted, TurnResponse, TurnStatus } from "@claudeway/schemas";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { priceOf, sumOfDealt } from "../e2e/dealt.js";
import { eventually } from "../e2e/poll.js";

const HOUR = 3_600_000;
const PROMPT = `[[bash echo once >> ran]] [[limit five_hour ${(5 * HOUR) / 1000}]] [[bash cat ran]]`;

describe("a turn that waits five hours for a usage limit, on the real CLI", function () {
  // Forty starts of the CLI take half a minute of processor time, of which a busy machine gives little.
  this.timeout(900_000);
  let home: string;
  let model: ScriptedModel;
  let gateway: TestGateway;
  beforeEach(async () => {
    home = mkdtempSync(join(tmpdir(), "claudeway-home-"));
    model = await startScriptedModel();
    gateway = await createTestGateway({
      engine: "claude",
      controlTime: true,
      checkLeaks: false,
      config: { engine: { spares: 0, on_limit: "wait" } },
      claude: {
        env: {
          ANTHROPIC_BASE_URL: model.url,
          // Only a CLI that is logged in to a subscription reads the account's limits.
          CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-scripted",
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
          CLAUDE_CONFIG_DIR: join(home, "claude"),
          HOME: home,
          IS_SANDBOX: "1",
        },
      },
    });
  });
  afterEach(async () => {
    await gateway.close();
    await model.close();
    rmSync(home, { recursive: true, force: true });
  });

  async function ask<Body>(path: string, body?: object): Promise<{ body: Body; turnId: string }> {
    const response = await gateway.fetch(path, { key: "user", ...(body && { body }) });
    return { body: JSON.parse(await response.text()), turnId: response.headers.get("x-turn-id") ?? "" };
  }

  const statuses = () => model.requests().flatMap(({ kind, status }) => (kind === "turn" ? [status] : []));

  it("goes on once, at the reset, over two restarts, and is billed once", async () => {
    const { body: session } = await ask<SessionStarted>("/session/start", {});
    const path = `/session/${session.session_id}`;
    const asked = Date.now();
    const { body: parked, turnId } = await ask<TurnResponse>(path, { prompt: PROMPT });
    expect(parked, JSON.stringify(parked)).to.include({
      code: "USAGE_LIMIT",
      limit: "five_hour",
      parked: true,
    });
    expect(Date.parse(parked.resets_at ?? "") - asked).to.be.within(5 * HOUR - 1000, 5 * HOUR + 60_000);
    const state = async () => (await ask<TurnStatus>(`/turns/${turnId}`)).body.state;

    await gateway.advance(2 * HOUR);
    await gateway.restart();
    await gateway.advance(2 * HOUR);
    await gateway.restart();
    await gateway.advance(HOUR - 60_000 - (Date.now() - asked - 4 * HOUR));
    expect(await state()).to.equal("parked");
    expect(statuses()).to.deep.equal([200, 429]);

    await gateway.advance(3 * 60_000);
    await eventually("the end of the turn", async () => (await state()) === "completed");
    const { result } = (await ask<TurnStatus>(`/turns/${turnId}`)).body;
    expect(result).to.include({ success: true, error: null });
    expect(result?.result, "the command ran once").to.match(/answered: once$/);
    await gateway.advance(24 * HOUR);
    expect(statuses(), "the call that was refused, and its repetition").to.deep.equal([200, 429, 200, 200]);

    const dealt = sumOfDealt(model.dealt());
    const { tokens, cost_usd, task_count } = (await ask<Session>(path)).body;
    expect(task_count).to.equal(1);
    expect(tokens).to.deep.equal(dealt);
    expect(cost_usd).to.be.closeTo(priceOf(dealt), 1e-9);
    expect(result?.tokens).to.deep.equal(dealt);
  });

  it("goes on one after the other with nineteen others of its account", async () => {
    const before = statuses().length;
    const prompts = Array.from({ length: 20 }, (_, index) => `[[say ${index}]]`);
    prompts[0] = `[[limit five_hour ${(5 * HOUR) / 1000}]] ${prompts[0]}`;
    const asked = (prompt: string) => ask<TurnResponse>("/task", { prompt, timeout_secs: 3600 });
    const first = await asked(prompts[0]);
    const turns = [first, ...(await Promise.all(prompts.slice(1).map(asked)))];
    for (const { body } of turns) expect(body, JSON.stringify(body)).to.include({ parked: true });
    expect(statuses().slice(before)).to.deep.equal(turns.map(() => 429));

    // Later than all of them are due.
    await gateway.advance(5 * HOUR + 2 * 60_000);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, model.requests().filter(({ end }) => end === "open").length);
    }, 5);
    try {
      for (const [index, { turnId }] of turns.entries()) {
        const ended = await eventually(`the end of turn ${index}`, async () => {
          const { body } = await ask<TurnStatus>(`/turns/${turnId}`);
          return body.state === "completed" ? body.result : undefined;
        });
        expect(ended).to.include({ success: true, result: String(index) });
      }
    } finally {
      clearInterval(watch);
    }
    expect(statuses().slice(before + 20)).to.deep.equal(turns.map(() => 200));
    expect(most, "requests at once").to.be.at.most(2);
  });
});
