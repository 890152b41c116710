import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, type HistoryMessage, type SessionsView, type TurnRunner } from "@claudeway/core";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { conversationIn } from "../e2e/sent-conversation.js";
import { startWiretap, type Wiretap } from "../e2e/wiretap.js";
import { rejection } from "../kernel/kit.js";

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const IMAGE = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } } as const;

describe("sessions of plugins that begin with a history, on the real CLI", () => {
  let model: ScriptedModel;
  let wiretap: Wiretap;
  let gateway: TestGateway;
  let turns: TurnRunner;
  let sessions: SessionsView;
  const home = mkdtempSync(join(tmpdir(), "claudeway-home-"));
  before(async () => {
    model = await startScriptedModel();
    wiretap = await startWiretap(model.url);
    const plugin = definePlugin<object, "turns">({
      name: "seeder",
      apiVersion: 1,
      configSchema: { type: "object" },
      needs: ["turns"],
      apply(kernel) {
        ({ turns, sessions } = kernel);
      },
    });
    gateway = await createTestGateway({
      plugins: [plugin],
      engine: "claude",
      claude: {
        env: {
          ANTHROPIC_BASE_URL: wiretap.url,
          ANTHROPIC_API_KEY: "scripted",
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
          CLAUDE_CONFIG_DIR: join(home, "claude"),
          HOME: home,
          IS_SANDBOX: "1",
        },
      },
    });
  });
  after(async () => {
    await gateway.close();
    wiretap.close();
    await model.close();
    rmSync(home, { recursive: true, force: true });
  });

  const start = (history: readonly HistoryMessage[]) =>
    turns.startSession("user", { systemPrompt: "Be a test.", options: { tools: [] }, hidden: true, history });
  const say = async (session: string, prompt: string) =>
    (await turns.prompt("user", session, { prompt, verbatim: true })).answer;
  const lastSent = () => conversationIn(wiretap.bodies.at(-1) ?? "{}");

  const HISTORY: readonly HistoryMessage[] = [
    { role: "user", content: "My name is Ada." },
    { role: "assistant", content: "Hello Ada." },
    { role: "user", content: [{ type: "text", text: "See this:" }, IMAGE] },
    { role: "assistant", content: [{ type: "text", text: "A dot." }] },
  ];

  it("are resumed with exactly these messages, and go on live", async () => {
    const { id } = await start(HISTORY);
    const answer = await say(id, "[[recall]]");
    expect(answer.result).to.contain("My name is Ada.");
    expect(lastSent()).to.deep.equal([
      ["user", "My name is Ada."],
      ["assistant", "Hello Ada."],
      ["user", "See this:", "image"],
      ["assistant", "A dot."],
      ["user", "[[recall]]"],
    ]);
    expect(JSON.parse(wiretap.bodies.at(-1) ?? "{}").tools ?? []).to.deep.equal([]);
    await say(id, "[[words 2]]");
    expect(lastSent()).to.have.length(7);
    expect((await sessions.turns(id, { page: 1, limit: 10 })).total, "turns of its own").to.equal(2);
    expect(answer.cost_usd, "the history has no cost").to.be.greaterThan(0).and.lessThan(0.01);
  });

  it("can be forked where a turn ended, also with what was said before", async () => {
    const { id } = await start(HISTORY.slice(0, 2));
    const first = await turns.prompt("user", id, { prompt: "[[words 1]] one", verbatim: true });
    await first.answer;
    await say(id, "[[words 1]] two");
    const fork = await turns.forkSession("user", id, { at: first.id, hidden: true });
    await say(fork, "[[words 1]] other");
    expect(lastSent()).to.deep.equal([
      ["user", "My name is Ada."],
      ["assistant", "Hello Ada."],
      ["user", "[[words 1]] one"],
      ["assistant", "word1"],
      ["user", "[[words 1]] other"],
    ]);
    const response = await gateway.fetch("/sessions", { key: "user" });
    expect(await response.json()).to.include({ total: 0 });
    expect(await rejection(turns.forkSession("admin", id))).to.include({ code: "NOT_FOUND" });
  });

  it("are refused with messages that no conversation has", async () => {
    const file = { type: "image", source: { type: "file", path: "a.png" } } as const;
    for (const message of [
      { role: "user", content: "" },
      { role: "user", content: [file] },
      { role: "assistant", content: [IMAGE] },
    ] as const) {
      const error = await rejection(start([message]));
      expect(error).to.include({ code: "BAD_REQUEST" });
      expect(String(error)).to.contain("history[0] must be");
    }
  });
});
