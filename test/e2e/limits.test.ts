import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SessionMessages } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { priceOf, sumOfDealt } from "./dealt.js";
import { KEYS, type TestGateway } from "./gateway.js";
import { over, promptWaiting, startSubscribed, statusesOf, turnOf } from "./limit-kit.js";
import { limitSecs } from "./poll.js";

/** Long enough for a stop and a start of the gateway in between. */
const LIMIT = `[[limit five_hour ${Math.ceil(limitSecs(12))}]]`;
/** Longer than its test. */
const LONG_LIMIT = "[[limit five_hour 3600]]";
/** Reached while the turn is answered. */
const SHORT_SECS = Math.ceil(limitSecs(3));

describe("a turn that waits for a usage limit", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startSubscribed();
  });
  afterEach(() => gateway.dispose());

  /** The ledger, the API and the model agree on what the session cost, to the nanodollar. */
  async function expectExactMoney(talk: Conversation): Promise<void> {
    const dealt = sumOfDealt(talk.dealt());
    const { tokens, cost_usd } = await talk.view();
    expect(tokens).to.deep.equal(dealt);
    expect(cost_usd).to.be.closeTo(priceOf(dealt), 1e-9);
    const [filed] = await talk.ledger.turns(talk.id);
    expect(filed).to.deep.include({ tokens: dealt, estimated: false });
  }

  it("is answered at once, goes on at the reset, and is billed once", async () => {
    const talk = await Conversation.start(gateway);
    const { status, body, headers } = await promptWaiting(gateway, talk.path, `${LIMIT} [[say fine]]`);
    expect(status).to.equal(200);
    expect(body).to.include({ success: false, code: "USAGE_LIMIT", limit: "five_hour", parked: true });
    const turnId = headers.get("x-turn-id") ?? "";
    const waiting = await turnOf(gateway, turnId);
    expect(waiting.state).to.equal("parked");
    expect(waiting.result).to.deep.equal(body);

    const ended = await over(gateway, turnId);
    expect(Date.now()).to.be.at.least(Date.parse(body.resets_at ?? ""));
    expect(ended.state).to.equal("completed");
    expect(ended.result).to.include({ success: true, result: "fine", error: null });
    expect(ended.result).to.not.have.any.keys("code", "resets_at", "limit", "parked");
    expect(statusesOf(gateway, talk.id)).to.deep.equal([429, 200]);
    await expectExactMoney(talk);
    expect((await talk.view()).task_count).to.equal(1);
    const { body: said } = await gateway.request<SessionMessages>(`${talk.path}/messages`);
    expect(JSON.stringify(said)).to.not.include("has been lifted");
    expect(said.turns.map(({ turn_id }) => turn_id)).to.deep.equal([turnId]);
    expect((await talk.say("[[recall]]")).body.result).to.equal(
      `I remember 1 earlier prompt: ${JSON.stringify([`${LIMIT} [[say fine]]`])}`,
    );
  });

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`goes on after a restart: ${signal}`, async () => {
      const talk = await Conversation.start(gateway);
      await talk.say("[[say before]]");
      const { headers } = await promptWaiting(gateway, talk.path, `${LIMIT} [[say fine]]`);
      const turnId = headers.get("x-turn-id") ?? "";
      await gateway.stop(signal);
      await gateway.launch();
      const ended = await over(gateway, turnId);
      expect(ended.result).to.include({ success: true, result: "fine" });
      expect(statusesOf(gateway, talk.id)).to.deep.equal([200, 429, 200]);
      const { tokens } = await talk.view();
      expect(tokens).to.deep.equal(sumOfDealt(talk.dealt()));
    });
  }

  it("goes on after the tools that have run, and runs none again", async () => {
    const talk = await Conversation.start(gateway);
    const prompt = `[[words 2]] [[bash echo once >> ran]] ${LIMIT} [[bash echo twice >> ran]] [[say done]]`;
    const { body, headers } = await promptWaiting(gateway, talk.path, prompt);
    expect(body).to.include({ success: false, code: "USAGE_LIMIT", parked: true });
    expect(body.cost_usd).to.be.greaterThan(0);
    await gateway.stop("SIGKILL");
    await gateway.launch();
    const ended = await over(gateway, headers.get("x-turn-id") ?? "");
    expect(ended.result).to.include({ success: true, result: "done" });
    expect(readFileSync(join(talk.workdir, "ran"), "utf8")).to.equal("once\ntwice\n");
    expect(statusesOf(gateway, talk.id)).to.deep.equal([200, 429, 200, 200]);
    await expectExactMoney(talk);
    expect(ended.result?.tokens).to.deep.equal(sumOfDealt(talk.dealt()));
  });

  it("can be a one-shot task, and keeps its stream", async () => {
    const prompt = `[[bash echo once]] [[limit five_hour ${SHORT_SECS}]] [[say fine]]`;
    const response = await gateway.fetch("/task/stream", { body: { prompt, on_limit: "wait" } });
    const turnId = response.headers.get("x-turn-id") ?? "";
    expect(await response.text()).to.match(/event: done\ndata: .*"parked":true/);
    expect((await over(gateway, turnId)).result).to.include({ success: true, result: "fine" });
    const events = await (await gateway.fetch(`/turns/${turnId}/events`)).text();
    expect(events)
      .to.match(/event: text\ndata: fine/)
      .and.to.match(/event: done\ndata: .*"success":true/);
  });

  it("ends by an interrupt, and the session goes on", async () => {
    const talk = await Conversation.start(gateway);
    const { headers } = await promptWaiting(gateway, talk.path, `${LONG_LIMIT} [[say fine]]`);
    const { body } = await gateway.request(`${talk.path}/interrupt`, { method: "POST" });
    expect(body).to.include({ interrupted: true });
    const ended = await turnOf(gateway, headers.get("x-turn-id") ?? "");
    expect(ended.state).to.equal("interrupted");
    expect(ended.result).to.include({
      success: false,
      error: "the turn waited for a usage limit: the turn was interrupted",
    });
    expect(ended.result).to.not.have.any.keys("code", "parked");
    const { body: next } = await promptWaiting(gateway, talk.path, "[[say next]]");
    expect(next).to.include({ code: "USAGE_LIMIT", parked: true });
  });

  it("ends with its session", async () => {
    const talk = await Conversation.start(gateway);
    const { headers } = await promptWaiting(
      gateway,
      talk.path,
      `[[limit five_hour ${SHORT_SECS}]] [[say fine]]`,
    );
    expect((await gateway.request(talk.path, { method: "DELETE" })).status).to.equal(200);
    const ended = await turnOf(gateway, headers.get("x-turn-id") ?? "");
    expect(ended.state).to.equal("interrupted");
    await new Promise((resolve) => setTimeout(resolve, (SHORT_SECS + 2) * 1000));
    expect(statusesOf(gateway, talk.id)).to.deep.equal([429]);
  });

  it("keeps further prompts out of its session, unless they end it", async () => {
    const talk = await Conversation.start(gateway);
    const { headers } = await promptWaiting(gateway, talk.path, `${LONG_LIMIT} [[say fine]]`);
    const turnId = headers.get("x-turn-id");
    const refused = await promptWaiting(gateway, talk.path, "[[say next]]");
    expect(refused.status).to.equal(409);
    expect(refused.body).to.include({ code: "CONFLICT", turn_id: turnId });
    await promptWaiting(gateway, talk.path, "[[say next]]", { withdraw_pending: true });
    expect((await turnOf(gateway, turnId ?? "")).state).to.equal("interrupted");
  });

  it("belongs to its key", async () => {
    const talk = await Conversation.start(gateway);
    const { headers } = await promptWaiting(gateway, talk.path, `${LONG_LIMIT} [[say fine]]`);
    const asBob = { key: KEYS.bob };
    expect((await gateway.request(`/turns/${headers.get("x-turn-id")}`, asBob)).status).to.equal(404);
    expect((await gateway.request(`${talk.path}/interrupt`, { method: "POST", ...asBob })).status).to.equal(
      404,
    );
  });

  it("fails at once if it must not wait for that limit, or that long", async () => {
    const talk = await Conversation.start(gateway);
    const weekly = await promptWaiting(gateway, talk.path, "[[limit seven_day 1]] [[say fine]]");
    expect(weekly.body)
      .to.include({ code: "USAGE_LIMIT", limit: "seven_day" })
      .and.not.have.property("parked");
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const long = await promptWaiting(gateway, talk.path, LONG_LIMIT, { max_wait_secs: 30 });
    expect(long.body).to.include({ code: "USAGE_LIMIT" }).and.not.have.property("parked");
    expect(long.body.resets_at).to.be.a("string");
  });
});

describe("turns of one account that wait for a usage limit", () => {
  it("go on one after the other, and ask once if the limit holds", async () => {
    const gateway = await startSubscribed({ config: '[engine]\nspares = 0\non_limit = "wait"\n' });
    try {
      // The first one asks for a second limit as soon as it goes on.
      const prompts = [`[[limit five_hour ${Math.ceil(limitSecs(20))}]] [[limit five_hour 5]] [[say 0]]`];
      for (let i = 1; i < 6; i++) prompts.push(`[[say ${i}]]`);
      const first = await gateway.request("/task", { body: { prompt: prompts[0] } });
      const rest = await Promise.all(
        prompts.slice(1).map((prompt) => gateway.request("/task", { body: { prompt } })),
      );
      const turns = [first, ...rest];
      for (const { body } of turns) expect(body).to.include({ code: "USAGE_LIMIT", parked: true });
      const before = gateway.model.requests().length;
      const ended = await Promise.all(
        turns.map(({ headers }) => over(gateway, headers.get("x-turn-id") ?? "")),
      );
      expect(ended.map(({ result }) => result?.result)).to.deep.equal(prompts.map((_, i) => String(i)));
      const asked = gateway.model
        .requests()
        .slice(before)
        .filter(({ kind }) => kind === "turn");
      const refused = asked.filter(({ status }) => status === 429);
      expect(asked).to.have.length(prompts.length + refused.length);
      expect(refused.length).to.be.at.most(1);
      expect(gateway.stderr).to.not.match(/"level":"(error|fatal)"/);
    } finally {
      await gateway.dispose();
    }
  });

  it("fail if too many of their key wait already", async () => {
    const gateway = await startSubscribed({
      config: '[engine]\nspares = 0\non_limit = "wait"\nmax_limit_waits_per_key = 1\n',
    });
    try {
      const prompt = `${LONG_LIMIT} [[say fine]]`;
      const first = await gateway.request("/task", { body: { prompt } });
      const second = await gateway.request("/task", { body: { prompt } });
      const bobs = await gateway.request("/task", { body: { prompt }, key: KEYS.bob });
      const fails = await gateway.request("/task", { body: { prompt, on_limit: "fail" }, key: KEYS.bob });
      expect(first.body).to.include({ code: "USAGE_LIMIT", parked: true });
      expect(second.body).to.include({ code: "USAGE_LIMIT" }).and.not.have.property("parked");
      expect(bobs.body).to.include({ code: "USAGE_LIMIT", parked: true });
      expect(fails.body).to.include({ code: "USAGE_LIMIT" }).and.not.have.property("parked");
      // Ending the one that waits makes room.
      const session = String(first.body["session_id"]);
      await gateway.request(`/session/${session}/interrupt`, { method: "POST" });
      const third = await gateway.request("/task", { body: { prompt } });
      expect(third.body).to.include({ code: "USAGE_LIMIT", parked: true });
    } finally {
      await gateway.dispose();
    }
  });
});
