import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Distribution } from "@claudeway/core/host";
import { markedEnvironment } from "@claudeway/core/marker";
import type { Engine, EngineListener, EngineResult, EngineTurn, ProcessGuard } from "@claudeway/ports";
import { OrphanGuard } from "#engine-claude/orphan-guard.js";
import { startTimeOf } from "#engine-claude/proc.js";
import { endMarked } from "#engine-claude/reaper.js";
import type { CallOutcome, ScriptedTurn, Step } from "#testing/script.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { parseOrder } from "./order.js";

/** The exit code of `flock` when another process has the lock. */
const TAKEN = 99;

/**
 * An engine for load: the scripted one, whose turns work in a child process of their own. While it works, the child holds
 * the session's lock in the kernel, wherever its gateway runs: two turns of one session that work at the same time are
 * found, and a killed child frees its lock at its death. Children carry the gateway's marker, and its guard knows them.
 */
class WorkingEngine extends ScriptedEngine {
  readonly #children = new Map<string, ChildProcess>();

  constructor(
    private readonly dir: string,
    private readonly node: string,
    private readonly marker: string,
    private readonly guard: ProcessGuard | undefined,
  ) {
    super((turn) => this.#play(turn));
    mkdirSync(join(dir, "locks"), { recursive: true });
    mkdirSync(join(dir, "asked"), { recursive: true });
    this.#note({ what: "started", marker });
  }

  /** Resolves when the turn's child has gone, as the real engine does. */
  override async run(turn: EngineTurn, listener: EngineListener, stop: AbortSignal): Promise<EngineResult> {
    try {
      return await super.run(turn.parkedCall === undefined ? turn : this.#again(turn), listener, stop);
    } finally {
      await this.#end(turn.info.id);
    }
  }

  /** A parked turn makes its call again, at whichever node: all nodes know its prompt, as they know conversations. */
  #again(turn: EngineTurn): EngineTurn {
    const prompt = readFileSync(this.#asked(turn.info.id), "utf8");
    return { ...turn, parkedCall: undefined, plan: { ...turn.plan, prompt } };
  }

  #asked(turn: string): string {
    return join(this.dir, "asked", turn);
  }

  async *#play({ info, prompt }: ScriptedTurn): AsyncGenerator<Step, void, CallOutcome | undefined> {
    const { tag, ms, units, asks, parks } = parseOrder(prompt);
    // A turn that is stopped before it has worked costs nothing.
    yield { usage: { input: 0, output: 0, costUsd: 0 } };
    if (parks === true) writeFileSync(this.#asked(info.id), prompt);
    if (asks === true) this.#note({ what: "asked", session: info.sessionId, turn: info.id });
    const call =
      asks === true
        ? yield {
            tool: "Write",
            input: { file_path: tag },
            ...(parks === true ? { id: `toolu_${info.id}` } : { agentId: "waits" }),
          }
        : undefined;
    if (call?.allowed) this.#note({ what: "allowed", session: info.sessionId, turn: info.id });
    // Without work there is nothing to measure but the gateway.
    if (ms > 0) {
      const exit = once(this.#begin(info.sessionId, info.id, ms), "exit");
      yield { wait: exit };
      const [code] = await exit;
      if (code === TAKEN) {
        this.#note({ what: "overlap", session: info.sessionId, turn: info.id });
        yield { error: "another turn of the session works" };
      }
    }
    yield { usage: { input: units, output: units, costUsd: units / 1000 } };
    yield asks === true ? `${tag} ${call?.allowed === true ? "allowed" : "denied"}` : tag;
  }

  #begin(session: string, turn: string, ms: number): ChildProcess {
    const lock = join(this.dir, "locks", session);
    const marker = `${this.marker}.${randomUUID()}`;
    const args = ["-n", "-E", String(TAKEN), lock, "sleep", String(ms / 1000)];
    const child = spawn("flock", args, {
      env: { PATH: process.env["PATH"], ...markedEnvironment(marker) },
      detached: true,
      stdio: "ignore",
    });
    const { pid = 0 } = child;
    this.#children.set(turn, child);
    this.guard?.began({ pid, startTime: startTimeOf(pid) ?? 0 });
    child.once("exit", () => this.guard?.ended({ pid }));
    this.#note({ what: "began", session, turn, pid });
    return child;
  }

  async #end(turn: string): Promise<void> {
    const child = this.#children.get(turn);
    this.#children.delete(turn);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    await gone;
  }

  /** One line of what happened here, for the checks after a run. */
  #note(line: object): void {
    const file = join(this.dir, `${this.node}.jsonl`);
    appendFileSync(file, `${JSON.stringify({ at: monotonicMs(), node: this.node, ...line })}\n`);
  }
}

/** Of the machine's clock that no one sets: comparable between processes. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** The engine, for a distribution. `dir`: of all gateways, where sessions are locked. */
export function workingSource(dir: string, node: string): Distribution["findEngine"] {
  return async (_loaded, _env, log) => ({
    claude: { path: "claude", origin: "configured", version: "0.0.0 (scripted)" },
    guard: (marker) => new OrphanGuard(marker, log),
    open: (marker, guard): Engine => new WorkingEngine(dir, node, marker, guard),
    endLeftovers: async (installation) => void (await endMarked(installation, 0)),
    totalsAfterLoss: () => ({ bases: [] }),
    usageAfterLoss: (recorded) => recorded,
  });
}
