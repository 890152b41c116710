import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import type { EngineListener, EngineResult, EngineTurn } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { Accounts } from "#engine-claude/accounts.js";
import { Attempt } from "#engine-claude/attempt.js";
import { findClaude } from "#engine-claude/executable.js";
import { Launcher } from "#engine-claude/launcher.js";
import { termsOf } from "#engine-claude/options.js";
import { promptMessage } from "#engine-claude/prompt-message.js";
import { loadSdk } from "#engine-claude/sdk.js";
import { SessionProcess } from "#engine-claude/session-process.js";
import { job } from "./background-kit.js";
import { bash } from "./conversation.js";
import { sumOfDealt, toTokens } from "./dealt.js";
import { cliEnvironment } from "./gateway.js";
import { eventually } from "./poll.js";

const log = pino({ level: "silent" });

/*
 * The engine sends no prompt while the CLI runs a turn of its own, but the CLI may begin one while a prompt is being sent.
 * This test sends the prompt without waiting, so that the CLI folds it into its turn. test/engine-claude/folded.test.ts
 * checks how the cost is divided.
 */
describe("a prompt that the CLI folds into a turn of its own", () => {
  let dir: string;
  let model: ScriptedModel;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-test-fold-"));
    model = await startScriptedModel();
  });

  afterEach(async () => {
    await model.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function turnOf(prompt: string, sessionId: string): EngineTurn {
    const env = { PATH: process.env["PATH"] ?? "", IS_SANDBOX: "1", ...cliEnvironment(model, dir) };
    return {
      approvalMode: "bypass",
      decider: undefined,
      parkedCall: undefined,
      unresolved: [],
      granted: [],
      info: {
        id: randomUUID(),
        sessionId,
        kind: "session",
        keyId: "admin",
        createdAt: new Date().toISOString(),
      },
      plan: {
        prompt,
        verbatim: false,
        model: "sonnet",
        systemPrompt: undefined,
        maxBudgetUsd: undefined,
        timeoutMs: 60_000,
        workdir: dir,
      },
      spawn: { command: findClaude(undefined, undefined).path, args: [], env, cwd: dir, options: {} },
      resume: false,
      restart: false,
      totals: undefined,
    };
  }

  it("gets its own text and tokens, apart from those of the CLI's turn", async () => {
    await loadSdk();
    const launcher = new Launcher({
      executable: findClaude(undefined, undefined).path,
      installation: randomUUID(),
    });
    const sessionId = randomUUID();
    const accounts = new Accounts();
    const own: Promise<EngineResult>[] = [];
    const ownTexts: string[] = [];
    const work = `[[noticed [[say looking]] ${bash("node -e 'setTimeout(()=>{},1500)'")} [[say built]]]]`;
    const first = turnOf(`${job(300)} [[say started]] ${work}`, sessionId);
    const child = launcher.start(termsOf(first), false);
    accounts.open(child, {});
    const process_ = new SessionProcess(first, {
      child,
      hook: undefined,
      accounts,
      log,
      changed: () => undefined,
      sessions: {
        tasks: () => undefined,
        lost: () => undefined,
        wants: () => false,
        event: () => undefined,
        began: (turn) =>
          void own.push(turn.run({ decider: undefined }, listenerOf(ownTexts), new AbortController().signal)),
      },
    });
    child.reader.own(process_);
    const run = async (turn: EngineTurn, texts: string[]) => {
      const attempt = new Attempt({
        turn,
        message: await promptMessage(turn, child),
        launchSpec: undefined,
        child,
        hook: undefined,
        resume: false,
        listener: listenerOf(texts),
        start: { began: performance.now(), process: "cold" },
        log,
      });
      const report = await attempt.begin();
      attempt.close();
      if (report === undefined) throw new Error("no report");
      return { report, settled: process_.settle(report.totals, attempt.account(), undefined) };
    };
    try {
      expect((await run(first, [])).report.text).to.equal("started");
      await eventually("the tool call of its own turn", () =>
        model.dealt().some(({ kind, end }) => kind === "notice" && end === "finished"),
      );
      await sleep(300);
      const texts: string[] = [];
      const { report, settled } = await run(turnOf("[[say folded]]", sessionId), texts);
      const [result] = await Promise.all(own);

      expect([report.text, texts.join("")]).to.deep.equal(["folded", "folded"]);
      expect([result?.end, result?.text, ownTexts.join("")]).to.deep.equal([
        "completed",
        "looking",
        "looking",
      ]);
      const dealtOf = (kind: string, prompt: string) =>
        sumOfDealt(
          model.dealt().filter((usage) => {
            const request = model.requests().find(({ seq }) => seq === usage.seq);
            return usage.kind === kind && request?.prompt.includes(prompt) === true;
          }),
        );
      expect(result?.usage.tokens).to.deep.equal(dealtOf("notice", "started"));
      const prompts = Object.values(settled.used).map(({ input, output, cacheRead, cacheWrite }) =>
        toTokens({
          input_tokens: input,
          output_tokens: output,
          cache_read_input_tokens: cacheRead,
          cache_creation_input_tokens: cacheWrite,
        }),
      );
      expect(prompts).to.deep.equal([dealtOf("turn", "folded")]);
    } finally {
      await child.end("now");
    }
  });
});

function listenerOf(texts: string[]): EngineListener {
  return {
    text: (delta) => void texts.push(delta),
    usage: () => undefined,
    process: () => undefined,
    settledUnresolved: () => undefined,
    totals: () => undefined,
    model: () => undefined,
    wants: () => false,
    event: () => undefined,
  };
}
