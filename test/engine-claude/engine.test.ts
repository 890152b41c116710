import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { SDKResultMessage } from "@anthropic-ai/claude-agent-sdk";
import type { EngineTurn } from "@claudeway/ports";
import { expect } from "chai";
import { NO_USAGE } from "#core/turns/usage.js";
import { Transcript } from "#engine-claude/transcript.js";
import { messagesOf, onStage, play, resultsIn } from "./played.js";
import { readRecording, type Step } from "./recorded-cli.js";
import { SCENARIOS, type Scenario } from "./scenarios.js";
import type { Ran } from "./stage.js";

/** What the CLI said that a process had cost in the end, in USD. */
function reportedUsd(name: Scenario, at = 0): number {
  return resultsIn(messagesOf(name, at)).at(-1)?.total_cost_usd ?? Number.NaN;
}

function billedUsd(...turns: readonly (Ran | undefined)[]): number {
  return turns.reduce((sum, ran) => sum + (ran?.result.usage.costUsd ?? Number.NaN), 0);
}

/** The steps of a recording's first process up to the first that is so. */
function until(name: Scenario, isLast: (step: Step) => boolean): Step[] {
  const steps = readRecording(name)[0] ?? [];
  return steps.slice(0, steps.findIndex(isLast));
}

/** What a CLI saves when it ends, beyond what it has reported. */
const MORE = {
  inputTokens: 5000,
  outputTokens: 500,
  cacheReadInputTokens: 9000,
  cacheCreationInputTokens: 900,
  costUSD: 0.25,
};

/** Saves totals as a CLI does that ends: those reported, and more. */
function save({ info, spawn }: EngineTurn, reported: SDKResultMessage["modelUsage"]): void {
  const { path } = new Transcript(info.sessionId, spawn);
  const [[model, usage] = ["claude-sonnet-5-5", undefined]] = Object.entries(reported);
  const sum = (count: keyof typeof MORE) => MORE[count] + (usage?.[count] ?? 0);
  const counts = [
    "inputTokens",
    "outputTokens",
    "cacheReadInputTokens",
    "cacheCreationInputTokens",
    "costUSD",
  ] as const;
  const saved = Object.fromEntries(counts.map((count) => [count, sum(count)]));
  const state = { type: "cost-state", sessionId: info.sessionId, modelUsage: { [model]: saved } };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(state)}\n`);
}

const isNotice = (step: Step) =>
  "message" in step && step.message.type === "system" && step.message.subtype === "task_notification";
const isPrompt = (step: Step) => "prompt" in step;

/** The result of a turn of the CLI's own in which the model was not asked. */
const EMPTY_OWN: Step = {
  message: Object({ ...resultsIn(messagesOf("subagent"))[2], num_turns: 0, result_index: undefined }),
};

describe("the engine, on a recorded CLI", () => {
  it("bills each turn of a process for itself", async () => {
    const { first, second, third } = await play("answers");
    expect([first, second, third].map(({ result }) => result.usage.costUsd)).to.deep.equal([
      0.000292, 0.000437, 0.000582,
    ]);
    expect(billedUsd(first, second, third)).to.be.closeTo(reportedUsd("answers"), 1e-10);
    expect(second.result.usage.tokens).to.deep.equal({
      input: 6,
      output: 5,
      cache_read: 1000,
      cache_write: 110,
    });
    expect(third.totals).to.have.length(1);
  });

  it("emits the text of a response as it arrives, once", async () => {
    const { first } = await play("answers");
    expect([first.text, first.result.text]).to.deep.equal(["word1 word2 word3", "word1 word2 word3"]);
    expect(first.result).to.include({ end: "completed", error: null, exitCode: 0 });
  });

  it("ignores another prompt's result, and logs it", async () => {
    const [, other] = resultsIn(messagesOf("answers"));
    if (other === undefined) throw new Error("nothing was recorded");
    const steps = readRecording("answers")[0]?.flatMap((step): Step[] =>
      isPrompt(step) ? [step, { message: other }] : [step],
    );
    await onStage([steps ?? []], async (stage) => {
      const { result: own } = await stage.run(stage.turn("one"));
      expect([own.text, own.usage.tokens.input]).to.deep.equal(["word1 word2 word3", 6]);
      expect(stage.warnings.join("")).to.contain("answered a prompt that no turn waits for");
    });
  });

  it("subtracts the usage of an earlier process from the next one's report", async () => {
    const { first, second } = await play("resumed");
    expect(second.result.usage.costUsd).to.equal(0.000437);
    expect(billedUsd(first, second)).to.be.closeTo(reportedUsd("resumed", 1), 1e-10);
  });

  it("bills a stopped turn as an estimate, and not again in the next one", async () => {
    const { first, second } = await play("interrupted");
    expect(first.result).to.include({ end: "stopped", text: "word1 word2 word3 word4 word5" });
    expect(first.result.usage).to.include({ estimated: true, costUsd: 0.000366 });
    expect(second.result.usage).to.include({ estimated: false, costUsd: 0.000517 });
    expect(billedUsd(first, second)).to.be.closeTo(reportedUsd("interrupted", 1), 1e-10);
  });

  it("fails a turn whose process is killed, with what was delivered", async () => {
    const { result, totals, child } = await play("killed");
    expect(result).to.include({
      end: "failed",
      error: "the CLI ended without a result (signal SIGKILL)",
      text: "word1 word2 word3 word4 word5",
    });
    expect(result.usage).to.deep.include({
      estimated: true,
      costUsd: null,
      tokens: { input: 8, output: 1, cache_read: 0, cache_write: 100 },
    });
    expect(totals).to.deep.equal([{ bases: [{}] }]);
    expect(child?.pid).to.be.a("number");
  });

  it("records the next process's starting totals when an idle one is killed", async () => {
    const { totals } = await play("killed idle");
    const [clean, killed] = totals.map(({ bases }) => bases);
    expect(clean?.[0]).to.have.property("claude-sonnet-5-5");
    expect(killed).to.deep.equal([...(clean ?? [])].reverse());
  });

  it("reports why the API refused a request, without cost", async () => {
    const { first, second } = await play("refused");
    expect(first.result).to.include({ end: "failed", error: "API Error: 400 no such thing" });
    expect(first.result.usage).to.deep.equal(NO_USAGE);
    expect(second.result.usage.costUsd).to.equal(0.000292);
  });

  it("begins a conversation if there is none to resume", async () => {
    const { result } = await play("unknown");
    expect(result).to.include({ end: "completed", text: "word1 word2 word3" });
    expect(result.usage.costUsd).to.equal(0.000292);
  });

  it("reports a lost conversation if it had answers", async () => {
    const totals = { answered: true, bases: [{}] };
    await onStage(readRecording("unknown"), async (stage) => {
      const { result } = await stage.run(stage.turn("go on", { resume: true, totals }));
      expect(result).to.deep.include({ end: "failed", failure: { code: "CONVERSATION_LOST" } });
    });
    await onStage(readRecording("unknown"), async (stage) => {
      const turn = stage.turn("go on", { resume: true, restart: true, totals });
      expect((await stage.run(turn)).result.end).to.equal("completed");
    });
  });

  it("continues under the id that /clear gives the session", async () => {
    const { clear, after } = await play("cleared");
    const [, cleared] = resultsIn(messagesOf("cleared"));
    expect(clear.totals).to.deep.equal([{ session: cleared?.session_id, bases: [{}] }]);
    expect(clear.result.usage.costUsd).to.equal(0);
    expect(after.result.usage.costUsd).to.equal(0.000312);
    expect(after.totals.at(-1)).to.include({ session: cleared?.session_id, answered: true });
  });

  it("reports a model that the user chose, and keeps the process for it", async () => {
    const { first, second } = await play("another model");
    expect(first.models).to.deep.equal(["haiku"]);
    expect(first.text).to.contain("Set model to");
    expect(second.result.model).to.equal("claude-haiku-5-5");
    expect(second.child?.pid).to.equal(first.child?.pid);
  });

  it("records that the CLI has entered plan mode", async () => {
    const { totals } = await play("plan mode");
    expect(totals.at(-1)).to.include({ planMode: true, answered: true });
  });
});

describe("the engine, on a recorded CLI that asks", () => {
  it("runs a call or not, as decided", async () => {
    const { decider, ran } = await play("asked");
    expect(decider.asked.map(({ tool, held }) => [tool, held])).to.deep.equal([
      ["Bash", false],
      ["Write", false],
    ]);
    expect(ran.result.denials.map(({ tool_name }) => tool_name)).to.deep.equal(["Write"]);
    expect(ran.result.usage.costUsd).to.equal(0.001732);
  });

  it("parks a turn at a deferred call, and resumes with that call", async () => {
    const { first, second, decider } = await play("parked");
    expect(first.result).to.include({ end: "parked", text: "" });
    expect(first.result.deferred).to.match(/^toolu_/);
    expect(decider.asked.map(({ toolUseId }) => toolUseId)).to.deep.equal([first.result.deferred]);
    expect(second.result).to.include({ end: "completed", text: "word1 word2 word3" });
    expect(billedUsd(first, second)).to.be.closeTo(reportedUsd("parked", 1), 1e-10);
  });

  it("withdraws a parked call before it sends the next prompt", async () => {
    const { first, second, decider } = await play("withdrawn");
    expect(second.settledUnresolved).to.equal(true);
    expect(decider.asked).to.deep.equal([]);
    expect(second.result).to.include({ end: "completed", text: "word1 word2 word3" });
    expect(billedUsd(first, second)).to.be.closeTo(reportedUsd("withdrawn", 1), 1e-10);
  });

  it("runs a granted call once", async () => {
    const { first, second } = await play("granted");
    expect(first.result.denials).to.have.length(1);
    expect(first.result.ran).to.deep.equal([]);
    expect(second.result.ran).to.deep.equal(first.result.denials.map(({ tool_use_id }) => tool_use_id));
    expect(second.result.denials).to.deep.equal([]);
  });

  it("begins a conversation if there is none with the withdrawn call", async () => {
    const { result, settledUnresolved } = await play("unknown with a call");
    expect(result).to.include({ end: "completed", text: "word1 word2 word3" });
    expect(settledUnresolved).to.equal(true);
  });

  it("reports a lost conversation with the call to be withdrawn", async () => {
    await onStage(readRecording("unknown with a call"), async (stage) => {
      const unresolved = [{ toolUseId: "toolu_parked", certain: false }];
      const totals = { answered: true, bases: [{}] };
      const turn = stage.turn("go on", { approvalMode: "ask", resume: true, unresolved, totals });
      expect((await stage.run(turn)).result).to.deep.include({
        end: "failed",
        failure: { code: "CONVERSATION_LOST" },
      });
    });
  });
});

describe("the engine, on a recorded CLI with work in the background", () => {
  it("bills a turn about an ended job separately", async () => {
    const { first, own, second, stage } = await play("job");
    expect([first, own, second].map((ran) => ran?.text)).to.deep.equal([
      "started",
      "done",
      "word1 word2 word3",
    ]);
    expect([first, own, second].map((ran) => ran?.result.usage.costUsd)).to.deep.equal([
      0.001012, 0.00055, 0.000617,
    ]);
    expect(billedUsd(first, own, second)).to.be.closeTo(reportedUsd("job"), 1e-10);
    expect(stage.tasks.map((running) => running.map(({ kind }) => kind))).to.deep.equal([["shell"], []]);
  });

  it("lists a job that ends with its task's process as lost", async () => {
    const { result, stage } = await play("lost job");
    expect(result.lost?.map(({ kind, reason }) => [kind, reason])).to.deep.equal([["shell", "task"]]);
    expect(stage.lost).to.deep.equal(result.lost);
  });

  it("bills a subagent's work to the turn about it, not to a turn beside it", async () => {
    const { first, second, own } = await play("subagent");
    expect(second.result.usage.tokens).to.deep.equal({
      input: 6,
      output: 3,
      cache_read: 2000,
      cache_write: 110,
    });
    expect([first, second].map(({ result }) => result.agents?.length)).to.deep.equal([1, 1]);
    expect(billedUsd(first, second, own)).to.be.closeTo(reportedUsd("subagent"), 1e-10);
    expect(second.result.usage.estimated).to.equal(true);
  });

  it("bills what a subagent had used when its process ended", async () => {
    await onStage([until("subagent", isNotice)], async (stage) => {
      const session = randomUUID();
      const first = await stage.run(stage.turn("one", { session }));
      await stage.run(stage.turn("two", { session, resume: true, totals: first.totals.at(-1) }));
      await stage.engine.release(session);
      const [own] = await stage.ownTurns(1);
      expect(own?.result).to.include({
        end: "failed",
        error: "the process ended before the background work did",
      });
      expect(own?.result.usage).to.include({ estimated: true, costUsd: null });
      expect(own?.result.usage.tokens.input).to.be.greaterThan(0);
      expect(stage.lost.map(({ kind }) => kind)).to.deep.equal(["subagent"]);
    });
  });

  it("bills it by the totals that the CLI saved, if it ended orderly between turns", async () => {
    await onStage([until("subagent", isNotice)], async (stage) => {
      const session = randomUUID();
      const first = await stage.run(stage.turn("one", { session }));
      const second = stage.turn("two", { session, resume: true, totals: first.totals.at(-1) });
      await stage.run(second);
      save(second, resultsIn(messagesOf("subagent"))[1]?.modelUsage ?? {});
      await stage.engine.release(session);
      const [own] = await stage.ownTurns(1);
      expect(own?.result.usage.tokens.input).to.be.at.least(MORE.inputTokens);
      expect(own?.result.usage.costUsd).to.be.at.least(MORE.costUSD);
      expect(own?.totals.at(-1), "nothing is left to charge for").to.not.have.any.keys(
        "unreported",
        "carried",
      );
    });
  });

  for (const [what, own] of [
    ["", []],
    [", also after a turn of the CLI's own that came before it", [EMPTY_OWN]],
  ] as const)
    it(`does not bill it by totals that include a broken-off turn${what}`, async () => {
      const results = resultsIn(messagesOf("subagent"));
      const steps = until(
        "subagent",
        (step) => "message" in step && isDeepStrictEqual(step.message, results[1]),
      );
      steps.splice(steps.findLastIndex(isPrompt) + 1, 0, ...own);
      await onStage([[...steps, { end: "exited with code 1" }]], async (stage) => {
        const session = randomUUID();
        const first = await stage.run(stage.turn("one", { session }));
        const second = stage.turn("two", { session, resume: true, totals: first.totals.at(-1) });
        save(second, results[0]?.modelUsage ?? {});
        expect((await stage.run(second)).result.end).to.equal("failed");
        expect(stage.own).to.have.length(own.length);
        for (const { result } of await Promise.all(stage.own))
          expect(result.usage.tokens.input).to.be.below(MORE.inputTokens);
      });
    });

  it("bills a subagent within a turn to that turn", async () => {
    const { result } = await play("subagent in a turn");
    expect(result.usage.costUsd).to.be.closeTo(reportedUsd("subagent in a turn"), 1e-10);
    expect(result.usage.estimated).to.equal(false);
  });

  it("fails a turn of the CLI's own whose process is killed, with what was delivered", async () => {
    const { own } = await play("killed in its own turn");
    expect(own?.result).to.include({
      end: "failed",
      error: "the CLI ended without a result (signal SIGKILL)",
      text: "word1 word2 word3 word4 word5",
    });
    expect(own?.result.usage).to.include({ estimated: true, costUsd: null });
  });

  it("names the folder of a call that is denied in a turn of the CLI's own", async () => {
    const steps = readRecording("denied in its own turn")[0] ?? [];
    const moved = steps.map((step) => {
      const isWrite = "hook" in step && "tool_name" in step.hook && step.hook.tool_name === "Write";
      return isWrite ? { hook: { ...step.hook, cwd: "/recorded/sub" } } : step;
    });
    await onStage([moved], async (stage) => {
      const { own } = await SCENARIOS["denied in its own turn"](stage);
      expect(own?.result.denials.map(({ tool_name }) => tool_name)).to.deep.equal(["Write"]);
      expect(own?.result.denials[0]?.cwd).to.match(/\/sub$/);
    });
  });

  it("counts from a turn of the CLI's own when the next turn is lost", async () => {
    const prompts = readRecording("job")[0]?.filter(isPrompt) ?? [];
    const steps = until("job", (step) => isDeepStrictEqual(step, prompts[1]));
    const lost: Step[] = [...steps, ...prompts.slice(1), { end: "exited with code 1" }];
    await onStage([lost], async (stage) => {
      const session = randomUUID();
      const first = await stage.run(stage.turn("one", { session }));
      const [own] = await stage.ownTurns(1);
      const more = { session, resume: true, totals: first.totals.at(-1) };
      const { result, totals } = await stage.run(stage.turn("two", more));
      expect(result.end).to.equal("failed");
      expect(totals.at(-1)?.bases[0]).to.deep.equal(own?.totals.at(-1)?.bases[0]);
    });
  });
});
