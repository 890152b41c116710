import type { TaskRequest } from "@claudeway/schemas";
import type { Engine } from "./ports/engine.js";
import type { Caller } from "./ports/turns.js";
import type { RunningTurns } from "./turns/running.js";
import type { Turn } from "./turns/turn.js";
import type { Workdirs } from "./workdirs.js";

/** One-shot tasks: a prompt, an answer, and a session that is only kept to be approved in. */
export class Tasks {
  constructor(
    private readonly parts: {
      readonly engine: Engine;
      readonly turns: RunningTurns;
      readonly workdirs: Workdirs;
    },
  ) {}

  /**
   * Reserves the id for the next task while `use` runs: that of a process that was started ahead, where there is one. The
   * process is let go of afterwards, unless a turn runs under the id that may want it.
   */
  async withId<T>(use: (id: string) => Promise<T>): Promise<T> {
    const { engine, turns } = this.parts;
    const id = engine.taskId();
    try {
      return await use(id);
    } finally {
      if (turns.get(id) === undefined) engine.abandon(id);
    }
  }

  /** Begins a task; its session has the turn's id. Throws BAD_REQUEST where its workdir is refused. */
  async start(
    caller: Caller,
    request: TaskRequest,
    { id, route }: { readonly id: string; readonly route: string },
  ): Promise<Turn> {
    const workdir = await this.parts.workdirs.ofTask(request.workdir, caller.keyId);
    const turn = this.parts.turns.start({
      info: {
        id,
        sessionId: id,
        kind: "task",
        keyId: caller.keyId,
        origin: "prompt",
        createdAt: new Date().toISOString(),
      },
      plan: {
        prompt: request.prompt,
        model: request.model,
        systemPrompt: request.system_prompt,
        workdir,
        timeoutMs: request.timeout_secs * 1000,
        verbatim: request.verbatim,
        maxBudgetUsd: undefined,
      },
      route,
    });
    // It may have ended without a process: refused, say, or in the queue.
    void turn.ended.then(() => this.parts.engine.abandon(id));
    return turn;
  }
}
