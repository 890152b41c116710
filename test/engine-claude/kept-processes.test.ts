import { randomUUID } from "node:crypto";
import { expect } from "chai";
import type { StartQuery } from "#engine-claude/cli-query.js";
import { readStat } from "#engine-claude/proc.js";
import { eventually } from "../e2e/poll.js";
import { onStage } from "./played.js";
import { playing, readRecording, type Step } from "./recorded-cli.js";

/** A process that answers so many prompts. */
function answering(prompts: number): Step[] {
  const steps = readRecording("answers")[0] ?? [];
  const next = steps.filter((step) => "prompt" in step)[prompts];
  const end = next === undefined ? steps.findIndex((step) => "closed" in step) : steps.indexOf(next);
  return steps.slice(0, end);
}

const fresh = () => answering(1);

describe("processes between turns", () => {
  it("end after their idle time", async () => {
    await onStage(
      [fresh()],
      async (stage) => {
        await stage.run(stage.turn("one"));
        expect(stage.engine.processes).to.equal(1);
        await eventually("its end", () => stage.engine.processes === 0);
      },
      { idleMs: 50 },
    );
  });

  it("end at once where they say what no CLI says, and the next prompt has another one", async () => {
    const wrong: Step = {
      message: Object({ type: "system", subtype: "task_started", task_id: "a".repeat(501) }),
    };
    await onStage([[...fresh(), wrong], fresh()], async (stage) => {
      const session = randomUUID();
      const one = await stage.run(stage.turn("one", { session }));
      await eventually("its end", () => stage.engine.processes === 0, 30_000);
      const more = { session, resume: true, totals: one.totals.at(-1) };
      const two = await stage.run(stage.turn("two", more));
      expect(two.result.end).to.equal("completed");
    });
  });

  it("are not kept without an idle time", async () => {
    await onStage(
      [fresh()],
      async (stage) => {
        await stage.run(stage.turn("one"));
        await eventually("its end", () => stage.engine.processes === 0);
      },
      { idleMs: 0 },
    );
  });

  it("are evicted for another session, the longest idle first", async () => {
    await onStage(
      [fresh(), fresh(), fresh()],
      async (stage) => {
        const [old, young] = [randomUUID(), randomUUID()];
        await stage.run(stage.turn("one", { session: old }));
        await stage.run(stage.turn("two", { session: young }));
        expect((await stage.run(stage.turn("three"))).result.end).to.equal("completed");
        expect(stage.engine.processes).to.equal(2);
      },
      { maxProcesses: 2 },
    );
  });

  it("are replaced if the turn needs other tools", async () => {
    await onStage([fresh(), fresh()], async (stage) => {
      const session = randomUUID();
      const one = await stage.run(stage.turn("one", { session }));
      const turn = stage.turn("two", { session, resume: true, totals: one.totals.at(-1) });
      const other = await stage.run({ ...turn, plan: { ...turn.plan, options: { tools: ["Read"] } } });
      expect(other.result.end).to.equal("completed");
      expect(other.child?.pid).not.to.equal(one.child?.pid);
      expect(stage.engine.processes).to.equal(1);
    });
  });

  it("end when they have grown too large", async () => {
    await onStage(
      [fresh()],
      async (stage) => {
        await stage.run(stage.turn("one"));
        await eventually("its end", () => stage.engine.processes === 0);
      },
      { maxMemoryBytes: 1 },
    );
  });

  it("end when what they start with has changed", async () => {
    await onStage([fresh(), fresh()], async (stage) => {
      await stage.run(stage.turn("one"));
      await stage.run(stage.turn("two"));
      await stage.engine.retire();
      expect(stage.engine.processes).to.equal(0);
    });
  });

  it("release a turn that is stopped while it waits for a process", async () => {
    await onStage(
      [answering(1), fresh()],
      async (stage) => {
        const held = stage.engine.models(stage.turn("none").spawn);
        const stop = new AbortController();
        const waits = stage.engine.run(stage.turn("one"), SILENT, stop.signal);
        stop.abort("interrupted");
        expect(await waits).to.include({ end: "stopped", text: "" });
        expect(await held).to.deep.equal([{ id: "sonnet", name: "Sonnet" }]);
      },
      { maxProcesses: 1 },
    );
  });

  it("run no turn that was already stopped", async () => {
    await onStage([], async (stage) => {
      const result = await stage.engine.run(stage.turn("one"), SILENT, AbortSignal.abort("deleted"));
      expect(result).to.include({ end: "stopped" });
      expect(stage.engine.processes).to.equal(0);
    });
  });

  it("that died while they were idle are replaced", async () => {
    await onStage([fresh(), fresh()], async (stage) => {
      const session = randomUUID();
      const one = await stage.run(stage.turn("one", { session }));
      process.kill(one.child?.pid ?? Number.NaN, "SIGKILL");
      await eventually("its death", () => stage.engine.processes === 0);
      const more = { session, resume: true, totals: one.totals.at(-1) };
      expect((await stage.run(stage.turn("two", more))).result.end).to.equal("completed");
    });
  });
});

describe("a process that a turn finds", () => {
  it("is not probed if it has just ended a turn", async () => {
    let asked = 0;
    const play = playing([answering(2)]);
    const query: StartQuery = (parts) => {
      const cli = play(parts);
      const ask = cli.mcpServerStatus.bind(cli);
      cli.mcpServerStatus = () => {
        asked++;
        return ask();
      };
      return cli;
    };
    await onStage(
      [],
      async (stage) => {
        const session = randomUUID();
        const one = await stage.run(stage.turn("one", { session }));
        const more = { session, resume: true, totals: one.totals.at(-1) };
        const two = await stage.run(stage.turn("two", more));
        expect(two.child?.pid).to.equal(one.child?.pid);
        expect(asked).to.equal(0);
      },
      { query },
    );
  });

  it("is replaced if it was just killed", async () => {
    await onStage([fresh(), fresh()], async (stage) => {
      const session = randomUUID();
      const one = await stage.run(stage.turn("one", { session }));
      const { pid = Number.NaN } = one.child ?? {};
      process.kill(pid, "SIGKILL");
      // Not a wait: nothing that runs in this process must hear of its end before the turn.
      while (readStat(pid)?.zombie === false);
      const more = { session, resume: true, totals: one.totals.at(-1) };
      const two = await stage.run(stage.turn("two", more));
      expect(two.result.end).to.equal("completed");
      expect(two.child?.pid).not.to.equal(one.child?.pid);
    });
  });
});

describe("prewarmed processes", () => {
  it("run the next task of the same kind", async () => {
    const begun: number[] = [];
    const guard = { began: ({ pid }: { pid: number }) => void begun.push(pid), ended: () => undefined };
    await onStage(
      [fresh(), fresh(), []],
      async (stage) => {
        const task = () => stage.turn("one", { session: stage.engine.taskId(), kind: "task" });
        const one = await stage.run(task());
        await eventually("a process ahead", () => begun.length === 2);
        await new Promise((resolve) => setTimeout(resolve, 200));
        const two = await stage.run(task());
        expect([one.child?.pid, two.child?.pid]).to.deep.equal(begun.slice(0, 2));
      },
      { spares: 1, guard },
    );
  });

  it("end when their task is not run after all", async () => {
    await onStage(
      [fresh(), [{ start: undefined }]],
      async (stage) => {
        await stage.run(stage.turn("one", { session: stage.engine.taskId(), kind: "task" }));
        await new Promise((resolve) => setTimeout(resolve, 600));
        expect(stage.engine.processes).to.equal(1);
        stage.engine.abandon(stage.engine.taskId());
        await eventually("its end", () => stage.engine.processes === 0);
      },
      { spares: 1 },
    );
  });
});

const SILENT = {
  text: () => undefined,
  usage: () => undefined,
  process: () => undefined,
  settledUnresolved: () => undefined,
  totals: () => undefined,
  model: () => undefined,
  wants: () => false,
  event: () => undefined,
};
