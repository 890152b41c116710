import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { pino } from "pino";
import { termsOf } from "#engine-claude/options.js";
import { ProcessPool } from "#engine-claude/pool.js";
import { PrewarmedProcesses } from "#engine-claude/spares.js";

const log = pino({ level: "silent" });
const BACKGROUND = { backgroundMs: 0, maxBackground: 0, maxBackgroundPerKey: 0 };

describe("spares", () => {
  /** Asks for a spare of what a process is started with; resolves to whether one was begun. */
  async function begun(fingerprint: string): Promise<boolean> {
    const pool = new ProcessPool({ maxProcesses: 2, idleMs: 1000, maxMemoryBytes: 0, ...BACKGROUND }, log);
    const spares = new PrewarmedProcesses(pool, 1, () => true, log);
    let starts = 0;
    const start = () => {
      starts++;
      throw new Error("none is started in this test");
    };
    spares.asked({ fingerprint, start });
    await sleep(400);
    spares.close();
    await pool.close();
    return starts > 0;
  }

  it("are started for used settings, but not for large ones", async () => {
    expect(await begun("usual")).to.equal(true);
    expect(await begun("x".repeat(200_000))).to.equal(false);
  });

  it("hold no reference to a prompt", () => {
    const terms = termsOf({
      approvalMode: "deny",
      decider: undefined,
      parkedCall: undefined,
      unresolved: [],
      info: { id: "t", sessionId: "s", kind: "task", keyId: "k", createdAt: "2030-01-01T00:00:00.000Z" },
      plan: {
        prompt: "a long prompt",
        verbatim: false,
        model: "sonnet",
        systemPrompt: undefined,
        maxBudgetUsd: undefined,
        timeoutMs: 1000,
        workdir: "/srv",
      },
      spawn: { command: "claude", args: [], env: {}, cwd: "/srv", options: {} },
      resume: false,
      restart: false,
      totals: undefined,
      granted: [],
    });
    expect(JSON.stringify(terms)).not.to.include("a long prompt");
    expect(terms).to.deep.include({ sessionId: "s", approvalMode: "deny" });
  });
});
