import type { TaskRequest } from "@claudeway/schemas";
import type { TurnIds } from "./http/start-turn.js";
import type { Engine } from "./ports/engine.js";
import type { Caller } from "./ports/turns.js";
import type { RunningTurns } from "./turns/running.js";
import type { Turn } from "./turns/turn.js";
import type { Workdirs } from "./workdirs.js";

/** One-shot tasks: a prompt, an answer, and a session that is only kept to be approved in. */
export class Tasks implements TurnIds {
  constructor(
    private readonly parts: {
      readonly engine: Engine;
      readonly turns: RunningTurns;
      readonly workdirs: Workdirs;
    },
  ) {}

  /** The id for the next task: that of a session that a process was started ahead for, where there is one. */
  newId(): string {
    return this.parts.engine.taskId();
  }

  /** Lets go of a process that was started ahead for this id, unless a turn has begun that may want it. */
  abandon(id: string): void {
    if (this.parts.turns.get(id) === undefined) this.parts.engine.abandon(id);
  }

  /** Begins a task; its session has the turn's id. Throws BAD_REQUEST where its workdir is refused. */
  async start(
    caller: Caller,
    request: TaskRequest,
    { id, route }: { readonly id: string; readonly route: string },
  ): Promise<Turn> {
    const workdir = await this.parts.workdirs.ofTask(request.workdir, caller.keyId);
    const turn = this.parts.turns.start({
      info: { id, sessionId: id, kind: "task", keyId: caller.keyId, createdAt: new Date().toISOString() },
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
