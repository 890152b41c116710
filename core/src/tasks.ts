import type { TaskRequest } from "@claudeway/schemas";
import type { Engine } from "./engine/engine.js";
import type { RunningTurns } from "./turns/running.js";
import type { Turn } from "./turns/turn.js";
import type { Caller } from "./turns/types.js";
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

  /** The id for the next task: that of a session that a process was started ahead for, where there is one. */
  readonly newId = (): string => this.parts.engine.taskId();

  /** Begins a task; its session has the turn's id. Throws BAD_REQUEST where its workdir is none. */
  async start(
    caller: Caller,
    request: TaskRequest,
    { id, route }: { readonly id: string; readonly route: string },
  ): Promise<Turn> {
    const workdir = await this.parts.workdirs.ofTask(request.workdir);
    return this.parts.turns.start({
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
  }
}
