import type { SDKMessage } from "@anthropic-ai/claude-agent-sdk";
import { isName, MAX_NAME_CHARS } from "./result-check.js";

/** Tasks that may run in the background at once. */
const MAX_RUNNING = 1000;
/** The fields of a task's messages that are kept as they are. */
const TASK_NAMES = ["task_id", "run_id", "task_type", "tool_use_id", "parent_task_id"];

/** Throws if a message names a task, itself or its agent by something that is not a name: all of them are remembered. */
export function checkNames(message: SDKMessage): void {
  if (message.type !== "system") {
    if (!namesIn(message).every(isNameOrMissing))
      throw new Error(`the names of a message must have at most ${MAX_NAME_CHARS} characters`);
    return;
  }
  if (message.subtype === "background_tasks_changed") checkRunning(message.tasks);
  if (!TASK_NAMES.every((name) => isNameOrMissing(Reflect.get(message, name))))
    throw new Error(`the name of a task must have at most ${MAX_NAME_CHARS} characters`);
}

function checkRunning(tasks: readonly { readonly task_id: string; readonly task_type: string }[]): void {
  const areNamed = tasks.every((task) => [task.task_id, task.task_type].every(isNameOrMissing));
  if (tasks.length > MAX_RUNNING || !areNamed)
    throw new Error(`a CLI must run at most ${MAX_RUNNING} tasks, with names`);
}

function namesIn(message: SDKMessage): readonly unknown[] {
  switch (message.type) {
    case "stream_event": {
      const { event, parent_tool_use_id: agent } = message;
      return event.type === "message_start" ? [agent, event.message.id] : [agent];
    }
    case "assistant":
      return [message.parent_tool_use_id, message.message.id];
    case "user":
      return [message.parent_tool_use_id];
    default:
      return [];
  }
}

function isNameOrMissing(value: unknown): boolean {
  return value === undefined || value === null || isName(value);
}
