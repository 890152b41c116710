import type {
  SDKBackgroundTasksChangedMessage,
  SDKMessage,
  SDKTaskStartedMessage,
} from "@anthropic-ai/claude-agent-sdk";
import type { BackgroundTask } from "@claudeway/ports";

type TaskEntry = SDKBackgroundTasksChangedMessage["tasks"][number];

/** The CLI's types of tasks under the names that clients read; any other goes as it is. */
const KINDS: Readonly<Record<string, string>> = {
  local_bash: "shell",
  local_agent: "subagent",
  local_workflow: "workflow",
  mcp_task: "mcp",
};

const SUBAGENT = "local_agent";

export function isSubagent({ kind }: Pick<BackgroundTask, "kind">): boolean {
  return kind === KINDS[SUBAGENT];
}

/** How a background task ended, as the CLI reports it. */
export interface TaskNotice {
  readonly taskId: string;
  /** One run of the task; the turn that the CLI begins about it names it too. */
  readonly runId: string | undefined;
  /** In words, as in `Background command "build" completed (exit code 0)`. */
  readonly summary: string;
}

/** The background tasks of a process, and those that ended but were not reported to the model yet. */
export class BackgroundTasks {
  #running: ReadonlyMap<string, BackgroundTask> = new Map();
  /** Notices about which no turn has begun, by run; about those of a dead process, by task. */
  readonly #pending = new Map<string, TaskNotice>();
  /** Subagents that were launched into the background: the call that each was launched with, by task. */
  readonly #agents = new Map<string, string>();

  /** What runs at the moment, the oldest first. */
  get running(): readonly BackgroundTask[] {
    return [...this.#running.values()];
  }

  /** The subagents among them. */
  get agents(): readonly string[] {
    return this.running.filter(isSubagent).map(({ id }) => id);
  }

  /** Whether what was launched with this call is, or was, a subagent in the background. */
  isAgent(toolUseId: string | null): boolean {
    return toolUseId !== null && [...this.#agents.values()].includes(toolUseId);
  }

  /** Whether the CLI is about to begin a turn of its own. */
  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Processes a message of the CLI. Returns true if the set of running tasks has changed. */
  take(message: SDKMessage): boolean {
    if (message.type !== "system") return false;
    if (message.subtype === "task_started") this.#noteAgent(message);
    if (message.subtype === "background_tasks_changed") {
      const before = this.#running;
      const tasks = message.tasks.filter(({ ambient }) => ambient !== true);
      this.#running = new Map(tasks.map((task) => [task.task_id, before.get(task.task_id) ?? taskOf(task)]));
      return [...before.keys()].join() !== [...this.#running.keys()].join();
    }
    if (message.subtype === "task_notification") {
      const { task_id: taskId, run_id: runId, summary, status } = message;
      // The end of a foreground task is in the result of its call. A stopped task is mentioned in the next turn.
      const known = this.#running.has(taskId) || runId === undefined;
      if (known && (status !== "stopped" || runId === undefined))
        this.#pending.set(runId ?? taskId, { taskId, runId, summary });
    }
    return false;
  }

  /**
   * The notice that started a turn of the CLI; it counts as delivered. Without a run, the oldest notice without one.
   */
  heard(runId: string | undefined): TaskNotice | undefined {
    const found = [...this.#pending].find(([, notice]) => notice.runId === runId);
    if (found === undefined) return undefined;
    const [key, notice] = found;
    this.#pending.delete(key);
    // The notice was already delivered.
    this.#agents.delete(notice.taskId);
    return notice;
  }

  /** The CLI is idle: the remaining notices were delivered in other turns. */
  settle(): void {
    this.#pending.clear();
  }

  #noteAgent({
    task_type,
    task_id,
    tool_use_id,
    is_backgrounded,
    parent_task_id,
  }: SDKTaskStartedMessage): void {
    if (task_type !== SUBAGENT || tool_use_id === undefined) return;
    // What a subagent in the background waits for runs there too.
    const isInBackground = parent_task_id !== undefined && this.#agents.has(parent_task_id);
    if (is_backgrounded === true || isInBackground) this.#agents.set(task_id, tool_use_id);
  }
}

function taskOf({ task_id, task_type, description }: TaskEntry): BackgroundTask {
  return {
    id: task_id,
    kind: KINDS[task_type] ?? task_type,
    description,
    since: new Date().toISOString(),
  };
}
