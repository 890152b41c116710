import type { TurnEvent } from "@claudeway/core";
import { callLine } from "../call-line.js";

/** The latest turns, and what is kept of each. */
const MAX_TURNS = 300;
const MAX_CALLS = 200;
const MAX_TASKS = 50;

/** A call that a subagent made. */
export interface SubagentCall {
  /** The call that started the subagent. */
  readonly parent: string;
  readonly id: string;
  readonly tool: string;
  readonly line: string;
  /** Null while it has no result. */
  readonly ok: boolean | null;
  readonly duration_ms: number | null;
}

/** A subagent, or a command that runs by itself. */
export interface TaskState {
  readonly id: string;
  readonly kind: string;
  readonly description: string;
  /** `running`, or how it ended. */
  readonly state: "running" | "completed" | "failed" | "stopped";
  readonly background: boolean;
  readonly tool_calls: number | null;
  readonly tokens: number | null;
}

/** What the transcript of a turn does not have. */
export interface TurnWork {
  /** How often the CLI repeated a request to the model API. */
  readonly retries: number;
  /** Why it did so last, such as `overloaded`. */
  readonly retry_error: string | null;
  readonly calls: readonly SubagentCall[];
  readonly tasks: readonly TaskState[];
}

interface Noted {
  retries: number;
  retryError: string | null;
  readonly calls: Map<string, SubagentCall & { readonly at: number }>;
  readonly tasks: Map<string, TaskState>;
}

/** Retries, tasks and subagents' calls of the latest turns, by turn. In memory only; the oldest are dropped first. */
export class LatestWork {
  readonly #turns = new Map<string, Noted>();

  /** True: the event is one that it keeps. */
  note(turnId: string, event: TurnEvent): boolean {
    if (event.type === "retry") {
      const noted = this.#of(turnId);
      noted.retries += 1;
      noted.retryError = event.data.error;
      return true;
    }
    if (event.type === "task") return this.#task(turnId, event.data);
    if (event.type === "tool_call" && event.data.parent_tool_use_id !== undefined) {
      const { parent_tool_use_id: parent, id, name: tool, input } = event.data;
      const { calls } = this.#of(turnId);
      if (calls.size >= MAX_CALLS) return false;
      calls.set(id, { parent, id, tool, line: callLine(input), ok: null, duration_ms: null, at: Date.now() });
      return true;
    }
    if (event.type !== "tool_result") return false;
    const calls = this.#turns.get(turnId)?.calls;
    const call = calls?.get(event.data.id);
    if (calls === undefined || call === undefined) return false;
    calls.set(call.id, { ...call, ok: event.data.ok, duration_ms: Date.now() - call.at });
    return true;
  }

  of(turnId: string): TurnWork | null {
    const noted = this.#turns.get(turnId);
    if (noted === undefined) return null;
    return {
      retries: noted.retries,
      retry_error: noted.retryError,
      calls: [...noted.calls.values()].map(({ at: _, ...call }) => call),
      tasks: [...noted.tasks.values()],
    };
  }

  #task(turnId: string, data: Extract<TurnEvent, { type: "task" }>["data"]): boolean {
    const { tasks } = this.#of(turnId);
    const before = tasks.get(data.id);
    if (before === undefined && tasks.size >= MAX_TASKS) return false;
    tasks.set(data.id, {
      id: data.id,
      kind: data.kind,
      // At progress, it is what the task does at the moment.
      description: before?.description ?? data.description,
      state: data.state === "ended" ? (data.result ?? "completed") : "running",
      background: data.background || (before?.background ?? false),
      tool_calls: data.tool_calls ?? before?.tool_calls ?? null,
      tokens: data.tokens ?? before?.tokens ?? null,
    });
    return true;
  }

  #of(turnId: string): Noted {
    const known = this.#turns.get(turnId);
    if (known !== undefined) return known;
    const noted: Noted = { retries: 0, retryError: null, calls: new Map(), tasks: new Map() };
    this.#turns.set(turnId, noted);
    const [oldest] = this.#turns.keys();
    if (this.#turns.size > MAX_TURNS && oldest !== undefined) this.#turns.delete(oldest);
    return noted;
  }
}
