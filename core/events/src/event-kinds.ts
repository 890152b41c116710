import type { TurnEvent, WorkEvent } from "@claudeway/ports";
import type { EventKind, EventSelection } from "@claudeway/schemas";

/** The kind of each event that a stream has only if its request names that kind. */
const KINDS: Readonly<Record<WorkEvent["type"], EventKind>> = {
  tool_call: "tools",
  tool_result: "tools",
  thinking: "thinking",
  retry: "retries",
  limit: "limits",
  task: "tasks",
  question: "questions",
  usage: "usage",
  compacted: "usage",
};

/** The events that a stream has only on request. */
export const EVENT_NAMES: readonly string[] = Object.keys(KINDS);

const ALL: readonly EventKind[] = [...new Set(Object.values(KINDS))];

/** The kind of an event; undefined for the events that every stream has. */
export function kindOf({ type }: Pick<TurnEvent, "type">): EventKind | undefined {
  return isWork(type) ? KINDS[type] : undefined;
}

function isWork(type: TurnEvent["type"]): type is WorkEvent["type"] {
  return Object.hasOwn(KINDS, type);
}

/** The kinds that a request names. */
export function kindsOf(selection: EventSelection | undefined): readonly EventKind[] | undefined {
  return selection === "all" ? ALL : selection;
}
