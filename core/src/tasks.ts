import { kindsOf } from "@claudeway/events";
import { type ExtendedRequest, toPrompt } from "@claudeway/kernel";
import type { Caller, Engine, Ledger } from "@claudeway/ports";
import type { TaskList } from "@claudeway/schemas";
import type { StoreFiles, Workdirs } from "@claudeway/workdirs";
import type { Logger } from "pino";
import { type SessionListQuery, viewOf } from "./sessions.js";
import type { OptionReader } from "./turn-options.js";
import type { RunningTurns } from "./turns/running.js";
import type { Turn } from "./turns/turn.js";

/** One-shot tasks: a prompt, a response, and a session that is kept only for approvals. */
export class Tasks {
  constructor(
    private readonly parts: {
      readonly engine: Engine;
      readonly ledger: Pick<Ledger, "sessions">;
      readonly turns: RunningTurns;
      readonly workdirs: Workdirs;
      readonly options: OptionReader;
      readonly log: Logger;
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

  /** The caller's tasks, newest first; the admin's key lists those of all keys. */
  async list({ keyId, admin }: Caller, { page, limit, metadata }: SessionListQuery): Promise<TaskList> {
    const query = { ...(admin ? {} : { keyId }), page, limit, metadata };
    const { sessions, total } = await this.parts.ledger.sessions.tasks(query);
    const tasks = sessions.map((task) => ({ ...viewOf(task), key_id: task.keyId }));
    return { tasks, total, page, limit };
  }

  /** Begins a task whose session has the turn's id. Throws BAD_REQUEST if its workdir is refused. */
  async start(
    caller: Caller,
    request: ExtendedRequest<"task-request">,
    {
      id,
      route,
      storeFiles,
    }: { readonly id: string; readonly route: string; readonly storeFiles?: StoreFiles | undefined },
  ): Promise<Turn> {
    const options = await this.parts.options.read(request, caller.keyId);
    const { path, made } = await this.parts.workdirs.ofTask(id, request.workdir, caller.keyId);
    const begin = async () => {
      await storeFiles?.({ id, keyId: caller.keyId, workdir: path, ownsWorkdir: made });
      return this.parts.turns.start({
        info: {
          id,
          sessionId: id,
          kind: "task",
          keyId: caller.keyId,
          origin: "prompt",
          createdAt: new Date().toISOString(),
          metadata: request.metadata,
        },
        plan: {
          ...toPrompt(request.prompt),
          model: request.model,
          systemPrompt: request.system_prompt,
          workdir: path,
          timeoutMs: request.timeout_secs * 1000,
          verbatim: request.verbatim,
          maxBudgetUsd: request.max_budget_usd,
          limitWait: this.parts.options.limitWait(request),
          options,
          events: kindsOf(request.events),
        },
        route,
        ownsWorkdir: made,
      });
    };
    const turn = await begin().catch(async (error: unknown) => {
      // No turn ends that a plugin could remove it after.
      if (made) await this.parts.workdirs.remove(id, path);
      throw error;
    });
    // It may have ended without a process, for instance because it was refused or ended in the queue.
    void turn.ended.then(async ({ outcome }) => {
      this.parts.engine.abandon(id);
      // Nothing ran in its folder, and plugins hear of no turn that could not be recorded.
      if (made && outcome.end === "refused")
        await this.parts.workdirs
          .remove(id, path)
          .catch((err: unknown) => this.parts.log.error({ err, path }, "a task's folder was not removed"));
    });
    return turn;
  }
}
