import { rmSync } from "node:fs";
import { join } from "node:path";
import type { SessionList, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { Conversation } from "./conversation.js";
import { sumOfDealt } from "./dealt.js";
import { TestGateway } from "./gateway.js";
import { NO_TOKENS } from "./ledger-file.js";

describe("a conversation that is lost", () => {
  let gateway: TestGateway;
  let talk: Conversation;
  before(async () => {
    gateway = await TestGateway.start({ env: { IS_SANDBOX: "1" }, config: "[engine]\nspares = 0\n" });
  });
  after(() => gateway.dispose());
  beforeEach(async () => {
    talk = await Conversation.start(gateway);
    expect((await talk.say("[[say first]]")).body.success).to.equal(true);
  });

  function loseTranscripts(): void {
    rmSync(join(gateway.dir, "claude", "projects"), { recursive: true });
  }

  async function loseOverRestart(): Promise<void> {
    await gateway.stop();
    loseTranscripts();
    await gateway.launch();
  }

  function restart(prompt: string) {
    const body = { prompt, restart_conversation: true };
    return gateway.request<TurnResponse>(talk.path, { body });
  }

  function expectLost(response: TurnResponse): void {
    expect(response).to.deep.include({
      session_id: talk.id,
      success: false,
      code: "CONVERSATION_LOST",
      result: "",
      tokens: NO_TOKENS,
      cost_usd: 0,
    });
    expect(response.error).to.match(/^the conversation is lost: .*restart_conversation: true/);
    expect(talk.dealt(), "what the model was asked").to.have.length(1);
  }

  it("is reported, and no turn runs", async () => {
    await loseOverRestart();
    const headers = { "idempotency-key": talk.id };
    const answer = await talk.say("[[recall]]", { headers });
    expect(answer.status).to.equal(200);
    expectLost(answer.body);
    const again = await talk.say("[[recall]]", { headers });
    expect(again.status).to.equal(200);
    expect(again.body, "the same request again").to.deep.equal(answer.body);
    const { body: turn } = await gateway.request(`/turns/${answer.headers.get("x-turn-id")}`);
    expect(turn).to.deep.include({ state: "failed", result: answer.body });
    const { body: list } = await gateway.request<SessionList>("/sessions");
    expect(list.sessions.map(({ session_id }) => session_id)).to.include(talk.id);
  });

  it("is reported at the end of a stream", async () => {
    await loseOverRestart();
    const events = await gateway.events(`${talk.path}/stream`, { body: { prompt: "[[recall]]" } });
    expect(events.map(({ event }) => event)).to.deep.equal(["done"]);
    expectLost(JSON.parse(events[0]?.data ?? "{}"));
  });

  it("is reported even if the session's process is still alive", async () => {
    loseTranscripts();
    expectLost((await talk.say("[[recall]]")).body);
  });

  it("restarts under the same id with restart_conversation", async () => {
    await loseOverRestart();
    expectLost((await talk.say("[[recall]]")).body);
    const { body } = await restart("[[recall]]");
    expect(body).to.include({ session_id: talk.id, success: true });
    expect(body.result).to.equal("I remember 0 earlier prompts: []");
    expect(body.tokens).to.deep.equal(sumOfDealt(talk.dealt().slice(1)));
    await gateway.stop();
    await gateway.launch();
    expect((await talk.say("[[recall]]")).body.result).to.equal(
      'I remember 1 earlier prompt: ["[[recall]]"]',
    );
    expect((await talk.view()).tokens).to.deep.equal(sumOfDealt(talk.dealt()));
  });

  it("restarts in a stream, too", async () => {
    await loseOverRestart();
    const body = { prompt: "[[recall]]", restart_conversation: true };
    const events = await gateway.events(`${talk.path}/stream`, { body });
    const done: TurnResponse = JSON.parse(events.at(-1)?.data ?? "{}");
    expect(done).to.include({ success: true, result: "I remember 0 earlier prompts: []" });
  });

  it("is not reported if the transcript exists: restart_conversation has no effect", async () => {
    const remembers = 'I remember 1 earlier prompt: ["[[say first]]"]';
    expect((await restart("[[recall]]")).body.result).to.equal(remembers);
  });

  it("is not reported after /clear, when there is nothing to lose", async () => {
    expect((await talk.say("/clear")).body.success).to.equal(true);
    await loseOverRestart();
    const { body } = await talk.say("[[recall]]");
    expect(body).to.include({ success: true, result: "I remember 0 earlier prompts: []" });
  });
});
