import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ContentBlock,
  definePlugin,
  type HistoryMessage,
  type PromptRequest,
  type TurnResponse,
  type TurnRunner,
} from "@claudeway/core";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { job } from "../e2e/background-kit.js";
import { eventually } from "../e2e/poll.js";
import { sentMessages } from "../e2e/sent-conversation.js";
import { startWiretap, type Wiretap } from "../e2e/wiretap.js";
import { rejection } from "../kernel/kit.js";

const WEATHER = {
  description: "The weather in a city.",
  input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const OPTIONS = { clientTools: { weather: WEATHER } };

const call = (city: string) => ({ tool: "mcp__client__weather", input: { city } });
const calls = (...cities: readonly string[]) => `[[tools ${JSON.stringify(cities.map(call))}]]`;
const result = (id: string | undefined, content: string): ContentBlock => ({
  type: "tool_result",
  tool_use_id: id ?? "",
  content,
});

/** What the CLI would take for a command or the mention of a file. */
const ORDERS = [
  "/config theme=dark",
  "/heapdump",
  "/model opus",
  "/clear",
  " /compact",
  "\u200b/clear",
  "\ufeff/clear",
] as const;

for (const mode of ["bypass", "deny", "ask"] as const)
  describe(`calls of client tools in the approval mode ${mode}, on the real CLI`, () => {
    let model: ScriptedModel;
    let wiretap: Wiretap;
    let gateway: TestGateway;
    let turns: TurnRunner;
    const processes = new Map<string, string | undefined>();
    let home: string;
    const plugin = definePlugin<object, "turns">({
      name: "caller",
      apiVersion: 1,
      configSchema: { type: "object" },
      needs: ["turns"],
      apply(kernel) {
        ({ turns } = kernel);
        if (mode === "ask") kernel.hooks.approve.tap("all", () => ({ verdict: "allow" }));
        kernel.hooks.afterExecute.tap("processes", (turn, { process }) => {
          processes.set(turn.sessionId, process);
        });
      },
    });
    const config = { no_permissions_bypass: mode === "deny" };
    before(async () => {
      home = mkdtempSync(join(tmpdir(), "claudeway-home-"));
      model = await startScriptedModel();
      wiretap = await startWiretap(model.url);
      gateway = await createTestGateway({
        plugins: [plugin],
        engine: "claude",
        config,
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

    const start = async (history: readonly HistoryMessage[] = []) =>
      (await turns.startSession("user", { systemPrompt: "Be a test.", options: { tools: [] }, history })).id;
    const prompt = async (session: string, request: PromptRequest): Promise<TurnResponse> =>
      (await turns.prompt("user", session, { options: OPTIONS, verbatim: true, ...request })).result();
    const say = (session: string, text: string) => prompt(session, { prompt: text });
    const answer = (session: string, ...content: readonly ContentBlock[]) =>
      prompt(session, { prompt: "", content });
    const sent = () => sentMessages(wiretap.bodies.at(-1) ?? "{}");

    it("end the turn, and go on live with the result", async () => {
      const session = await start();
      const asked = await say(session, `[[say Let me look.]] ${calls("Rome")}`);
      expect(asked).to.include({ success: true, result: "Let me look.", stop_reason: "tool_use" });
      const [one] = asked.client_calls ?? [];
      expect(asked.client_calls).to.deep.equal([{ id: one?.id, name: "weather", input: { city: "Rome" } }]);
      const answered = await answer(session, result(one?.id, "sunny"));
      expect(answered).to.include({ success: true, result: "mcp__client__weather answered: sunny" });
      expect(answered).to.not.have.property("stop_reason");
      expect(answered).not.to.have.property("client_calls");
      expect(processes.get(session)).to.equal("live");
      expect(sent().slice(1)).to.deep.equal([
        {
          role: "assistant",
          content: [
            { type: "text", text: "Let me look." },
            { type: "tool_use", id: one?.id, name: "mcp__client__weather", input: { city: "Rome" } },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: one?.id, content: "sunny" }] },
      ]);
      expect(asked.cost_usd).to.be.greaterThan(0);
      expect(answered.cost_usd).to.be.greaterThan(0);
      expect(asked.cost_estimated ?? answered.cost_estimated).to.equal(undefined);
    });

    it("come together if the model makes several in one message, and are answered together", async () => {
      const session = await start();
      const { client_calls: both = [] } = await say(session, calls("Rome", "Oslo"));
      expect(both.map(({ input }) => input)).to.deep.equal([{ city: "Rome" }, { city: "Oslo" }]);
      const answered = await answer(session, result(both[1]?.id, "rain"), result(both[0]?.id, "sun"));
      expect(answered.result).to.contain("answered: sun").and.contain("answered: rain");
    });

    it("go on in a new process, with exactly the same conversation", async () => {
      const session = await start();
      const { client_calls: both = [] } = await say(session, calls("Rome", "Oslo"));
      await gateway.restart();
      const answered = await answer(session, result(both[0]?.id, "sun"), result(both[1]?.id, "rain"), {
        type: "text",
        text: "And now?",
      });
      expect(answered.success, answered.error ?? "").to.equal(true);
      expect(processes.get(session)).to.equal("cold");
      expect(sent().map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
      expect(sent().at(-1)?.content).to.deep.equal([
        { type: "tool_result", tool_use_id: both[0]?.id, content: "sun" },
        { type: "tool_result", tool_use_id: both[1]?.id, content: "rain" },
        { type: "text", text: "And now?" },
      ]);
      const later = await say(session, "[[words 2]]");
      expect(later.result).to.equal("word1 word2");
      expect(processes.get(session)).to.equal("live");
      expect(answered.cost_usd).to.be.greaterThan(0).and.lessThan(0.01);
    });

    it("take what comes with results as it is written, also in a new process", async () => {
      const file = join(home, "secret.txt");
      writeFileSync(file, "what only this file says");
      const waiting = new Map<string, { readonly session: string; readonly id: string | undefined }>();
      for (const text of [...ORDERS, `@${file}`, `What is in @${file}?`]) {
        const session = await start();
        const { client_calls: [one] = [] } = await say(session, calls("Rome"));
        waiting.set(text, { session, id: one?.id });
      }
      await gateway.restart();
      const before = wiretap.bodies.length;
      for (const [text, { session, id }] of waiting) {
        const content: ContentBlock[] = [result(id, "sun"), { type: "text", text }];
        const answered = await prompt(session, { prompt: "", content, verbatim: false });
        expect(answered.success, `${text}: ${answered.error}`).to.equal(true);
        expect(processes.get(session)).to.equal("cold");
        expect(sent().at(-1)?.content, text).to.deep.equal([
          { type: "tool_result", tool_use_id: id, content: "sun" },
          { type: "text", text },
        ]);
      }
      expect(wiretap.bodies.slice(before)).to.have.length(waiting.size);
      expect(wiretap.bodies.join("")).not.to.contain("what only this file says");
    });

    it("go on after a CLI that did not start", async () => {
      const session = await start();
      const { client_calls: [one] = [] } = await say(session, calls("Rome"));
      const broken = join(home, "broken-claude");
      writeFileSync(
        broken,
        '#!/bin/sh\ncase "$*" in *--version*) echo "2.1.332 (Claude Code)" ;; *) exit 3 ;; esac\n',
        {
          mode: 0o755,
        },
      );
      await gateway.restart({ config: { ...config, claude_bin: broken } });
      for (const _time of [1, 2])
        expect((await answer(session, result(one?.id, "sun"))).success).to.equal(false);
      await gateway.restart({ config });
      const answered = await answer(session, result(one?.id, "rain"));
      expect(answered).to.include({ success: true, result: "mcp__client__weather answered: rain" });
      expect(sent().map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
      const again = answer(session, result(one?.id, "rain"));
      expect(await rejection(again)).to.include({ code: "CONFLICT" });
    });

    it("go on after a CLI that was killed in the middle of a line", async () => {
      const session = await start();
      const { client_calls: [one] = [] } = await say(session, calls("Rome"));
      await gateway.restart();
      const paths = readdirSync(home, { recursive: true, encoding: "utf8" });
      const path = paths.find((name) => name.endsWith(`${session}.jsonl`)) ?? "";
      appendFileSync(join(home, path), '{"parentUuid":"torn","type":"user","mess');
      const answered = await answer(session, result(one?.id, "sun"));
      expect(answered).to.include({ success: true, result: "mcp__client__weather answered: sun" });
    });

    it("that are not answered fail for the model, and the prompt is answered", async () => {
      for (const restart of [false, true]) {
        const session = await start();
        const { client_calls: [one] = [] } = await say(session, calls("Rome"));
        if (restart) await gateway.restart();
        expect((await say(session, "[[say Never mind.]]")).result).to.equal("Never mind.");
        expect(sent().at(-1)?.content).to.deep.equal([
          {
            type: "tool_result",
            tool_use_id: one?.id,
            content: "The user went on without running this call.",
            is_error: true,
          },
          { type: "text", text: "[[say Never mind.]]" },
        ]);
      }
    });

    if (mode !== "deny")
      for (const restart of [false, true])
        it(`take results as text once the CLI has gone on by itself${restart ? ", also after a restart" : ""}`, async () => {
          const session = (await turns.startSession("user", { systemPrompt: "Be a test." })).id;
          const { client_calls: [one] = [] } = await say(session, `${job(500)} ${calls("Rome")}`);
          const before = wiretap.bodies.length;
          await eventually("its own turn", () => wiretap.bodies.length > before);
          if (restart) {
            await eventually("its end", async () => {
              const view = await (await gateway.fetch(`/session/${session}`, { key: "user" })).json();
              return Object(view).task_count === 2;
            });
            await gateway.restart();
          }
          const answered = await answer(session, result(one?.id, "[[say sunny]] @/etc/hostname"));
          expect(answered).to.include({ success: true, result: "sunny" });
          const text = `The call ${one?.id} has a result after all: [[say sunny]] @/etc/hostname`;
          expect(sent().at(-1)).to.deep.equal({ role: "user", content: [{ type: "text", text }] });
          const again = answer(session, result(one?.id, "rain"));
          expect(await rejection(again)).to.include({ code: "CONFLICT" });
        });

    it("accept each result once, and none of other calls", async () => {
      const session = await start();
      const { client_calls: [one] = [] } = await say(session, calls("Rome"));
      expect(await rejection(answer(session, result("toolu_other", "sun")))).to.include({ code: "CONFLICT" });
      expect((await answer(session, result(one?.id, "sun"))).success).to.equal(true);
      const again = await rejection(answer(session, result(one?.id, "sun")));
      expect(again).to.include({ code: "CONFLICT" });
      expect(String(again)).to.contain(`no call ${one?.id} of this session waits for a result`);
      await gateway.restart();
      expect(await rejection(answer(session, result(one?.id, "sun")))).to.include({ code: "CONFLICT" });
      expect(await rejection(answer(await start(), result("toolu_1", "sun")))).to.include({
        code: "CONFLICT",
      });
      const stranger = turns.prompt("admin", session, { prompt: "", content: [result(one?.id, "x")] });
      expect(await rejection(stranger)).to.include({ code: "NOT_FOUND" });
    });

    it("come one at a time where that was asked for", async () => {
      const session = await start();
      const single = { options: { ...OPTIONS, singleClientCall: true } };
      const asked = await prompt(session, { prompt: calls("Rome", "Oslo"), ...single });
      expect(asked.client_calls?.map(({ input }) => input)).to.deep.equal([{ city: "Rome" }]);
      const answered = await prompt(session, {
        prompt: "",
        content: [result(asked.client_calls?.[0]?.id, "sun")],
        ...single,
      });
      expect(answered.result).to.contain("This tool accepts one call at a time").and.contain("answered: sun");
    });

    it("do not keep other calls of the same message from the model", async () => {
      const session = (await turns.startSession("user", { systemPrompt: "Be a test." })).id;
      const write = { tool: "Write", input: { file_path: "a.txt", content: "a" } };
      const asked = await say(session, `[[tools ${JSON.stringify([call("Rome"), write])}]]`);
      expect(asked.client_calls).to.have.length(1);
      const answered = await answer(session, result(asked.client_calls?.[0]?.id, "sun"));
      expect(answered.result)
        .to.contain("weather answered: sun")
        .and.match(mode === "bypass" ? /Write answered/ : /Write failed/);
    });

    it("can be in the history that a session begins with", async () => {
      const session = await start([
        { role: "user", content: "The weather?" },
        {
          role: "assistant",
          content: [
            { type: "text", text: "Let me look." },
            { type: "tool_use", id: "call_1", name: "weather", input: { city: "Rome" } },
          ],
        },
      ]);
      const answered = await answer(session, result("call_1", "sun"));
      expect(answered.result).to.equal("mcp__client__weather answered: sun");
      expect(sent()).to.deep.equal([
        { role: "user", content: [{ type: "text", text: "The weather?" }] },
        {
          role: "assistant",
          content: [
            { type: "text", text: "Let me look." },
            { type: "tool_use", id: "call_1", name: "mcp__client__weather", input: { city: "Rome" } },
          ],
        },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "call_1", content: "sun" }] },
      ]);
    });
  });
