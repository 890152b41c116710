import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { EngineListener, EngineResult, EngineTurn } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { Accounts } from "#engine-claude/accounts.js";
import { Attempt } from "#engine-claude/attempt.js";
import { Launcher } from "#engine-claude/launcher.js";
import { termsOf } from "#engine-claude/options.js";
import { promptMessage } from "#engine-claude/prompt-message.js";
import { SessionProcess } from "#engine-claude/session-process.js";
import { sumOf } from "#engine-claude/totals.js";
import { messagesOf, onStage, resultsIn } from "./played.js";
import { PROGRAM, playing, readRecording, type Step } from "./recorded-cli.js";

const log = pino({ level: "silent" });
const QUIET: EngineListener = {
  text: () => undefined,
  usage: () => undefined,
  process: () => undefined,
  settledUnresolved: () => undefined,
  totals: () => undefined,
  model: () => undefined,
  wants: () => false,
  event: () => undefined,
};

/** The recorded job with a prompt that the CLI folds into its own turn, which then has no result. */
function folded(): Step[] {
  const steps = readRecording("job")[0] ?? [];
  const [, own] = resultsIn(messagesOf("job"));
  return steps.filter((step) => !("message" in step && isDeepStrictEqual(step.message, own)));
}

describe("a prompt that is folded into a turn of the CLI", () => {
  it("shares the report with that turn by what was delivered to each", async () => {
    await onStage([], async (stage) => {
      const sessionId = randomUUID();
      const turnOf = (prompt: string) => stage.turn(prompt, { session: sessionId });
      const launcher = new Launcher({
        executable: PROGRAM,
        installation: "unit",
        query: playing([folded()]),
      });
      const first = turnOf("one");
      const child = launcher.start(termsOf(first), false);
      const accounts = new Accounts();
      accounts.open(child, {});
      const own: Promise<EngineResult>[] = [];
      const session = new SessionProcess(first, {
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
            void own.push(turn.run({ decider: undefined }, QUIET, new AbortController().signal)),
        },
      });
      child.reader.own(session);
      const run = async (turn: EngineTurn) => {
        const parts = { turn, launchSpec: undefined, child, hook: undefined, resume: false };
        const start = { began: performance.now(), process: "cold" } as const;
        const message = await promptMessage(turn, child);
        const attempt = new Attempt({ ...parts, message, listener: QUIET, start, log });
        const report = await attempt.begin();
        attempt.close();
        if (report === undefined) throw new Error("no report");
        return { report, settled: session.settle(report.totals, attempt.account(), undefined) };
      };
      try {
        const before = await run(first);
        while (own.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
        const { report, settled } = await run(turnOf("two"));
        const [result] = await Promise.all(own);
        expect(report.text).to.equal("word1 word2 word3");
        expect(result).to.include({ end: "completed", text: "done" });
        expect(result?.usage).to.include({ estimated: true });
        expect([before.settled.split, settled.split]).to.deep.equal([false, true]);
        expect(result?.usage.tokens).to.include({ input: 45, cache_read: 2000, cache_write: 100 });
        expect(sumOf(settled.used)).to.include({ input: 6, cacheRead: 3000, cacheWrite: 110 });
        const billed = [
          sumOf(before.settled.used).costUsd,
          sumOf(settled.used).costUsd,
          result?.usage.costUsd,
        ];
        const total = resultsIn(messagesOf("job")).at(-1)?.total_cost_usd ?? Number.NaN;
        expect(billed.reduce<number>((sum, usd) => sum + (usd ?? 0), 0)).to.be.closeTo(total, 1e-9);
      } finally {
        await child.end("now");
      }
    });
  });
});
