import type {
  SDKBackgroundTasksChangedMessage,
  SDKMessage,
  SDKTaskStartedMessage,
} from "@anthropic-ai/claude-agent-sdk";
import type { BackgroundTask } from "@claudeway/ports";
import type { TaskProgress } from "@claudeway/schemas";
import { beginningOf } from "./beginning.js";

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

/** What every event of a task says about it. */
type KnownTask = Pick<TaskProgress, "kind" | "description" | "background" | "tool_use_id">;

/** Of how many tasks what they are is kept; the latest are. */
const MAX_KNOWN = 1000;
/** A longer text of the CLI about a task is cut, in characters. */
const MAX_TEXT_CHARS = 16_384;

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
  /** How many of them each call has launched: every message of an agent asks. */
  readonly #launches = new Map<string, number>();
  /** Every task that was started, also in the foreground. */
  readonly #known = new Map<string, KnownTask>();

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
    return toolUseId !== null && this.#launches.has(toolUseId);
  }

  /** Whether the CLI is about to begin a turn of its own. */
  get hasPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Processes a message of the CLI. Returns true if the set of running tasks has changed. */
  take(message: SDKMessage): boolean {
    if (message.type !== "system") return false;
    if (message.subtype === "task_started") {
      this.#noteAgent(message);
      this.#noteTask(message);
    }
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
        this.#noteEnd({ taskId, runId, summary: beginningOf(summary, MAX_TEXT_CHARS) });
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
    this.#setAgent(notice.taskId, undefined);
    return notice;
  }

  /** The CLI is idle: the remaining notices were delivered in other turns. */
  settle(): void {
    this.#pending.clear();
  }

  /** What a message says about a task that is known; undefined if it is not about one. */
  eventOf(message: SDKMessage): TaskProgress | undefined {
    if (message.type !== "system" || !("task_id" in message)) return undefined;
    const { task_id: id } = message;
    const task = this.#known.get(id);
    if (task === undefined) return undefined;
    switch (message.subtype) {
      case "task_started":
        return { id, state: "started", ...task };
      case "task_progress": {
        const { description, summary, usage } = message;
        const now = beginningOf(description, MAX_TEXT_CHARS);
        return { id, state: "progress", ...task, description: now, ...summaryOf(summary), ...usedOf(usage) };
      }
      case "task_updated": {
        if (message.patch.is_backgrounded !== true || task.background) return undefined;
        this.#known.set(id, { ...task, background: true });
        return { id, state: "progress", ...task, background: true };
      }
      case "task_notification": {
        const { status: result, summary, usage } = message;
        return { id, state: "ended", ...task, result, ...summaryOf(summary), ...usedOf(usage) };
      }
    }
  }

  #noteTask(message: SDKTaskStartedMessage): void {
    const { task_id: id, task_type: type = "", description, tool_use_id } = message;
    if (message.ambient === true) return;
    this.#known.set(id, {
      kind: KINDS[type] ?? type,
      description: beginningOf(description, MAX_TEXT_CHARS),
      background: message.is_backgrounded !== false,
      ...(tool_use_id !== undefined && { tool_use_id }),
    });
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }

  #noteEnd(notice: TaskNotice): void {
    this.#pending.set(notice.runId ?? notice.taskId, notice);
    const [oldest] = this.#pending.keys();
    if (this.#pending.size > MAX_KNOWN && oldest !== undefined) this.#pending.delete(oldest);
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
    if (is_backgrounded === true || isInBackground) this.#setAgent(task_id, tool_use_id);
  }

  /** `call`: undefined if it is not such an agent any more. */
  #setAgent(task: string, call: string | undefined): void {
    const before = this.#agents.get(task);
    if (before !== undefined) this.#countLaunch(before, -1);
    this.#agents.delete(task);
    if (call === undefined) return;
    this.#agents.set(task, call);
    this.#countLaunch(call, 1);
  }

  #countLaunch(call: string, by: 1 | -1): void {
    const count = (this.#launches.get(call) ?? 0) + by;
    if (count === 0) this.#launches.delete(call);
    else this.#launches.set(call, count);
  }
}

function summaryOf(summary: string | undefined): Pick<TaskProgress, "summary"> {
  return summary === undefined || summary === "" ? {} : { summary: beginningOf(summary, MAX_TEXT_CHARS) };
}

function usedOf(
  usage:
    | { readonly total_tokens: number; readonly tool_uses: number; readonly duration_ms: number }
    | undefined,
): Pick<TaskProgress, "tokens" | "tool_calls" | "duration_ms"> {
  if (usage === undefined) return {};
  const { total_tokens: tokens, tool_uses: tool_calls, duration_ms } = usage;
  return { tokens, tool_calls, duration_ms: Math.round(duration_ms) };
}

function taskOf({ task_id, task_type, description }: TaskEntry): BackgroundTask {
  return {
    id: task_id,
    kind: KINDS[task_type] ?? task_type,
    description: beginningOf(description, MAX_TEXT_CHARS),
    since: new Date().toISOString(),
  };
}
