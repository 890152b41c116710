import type { SDKMessage, SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import { MAX_NAME_CHARS } from "./result-check.js";

/** Calls of one message, and results of one turn: no turn has as many, but tools may speak for the CLI. */
const MAX_CALLS = 10_000;
const MAX_RESULTS = 100_000;

interface ModelMessage {
  /** Ids of its tool calls, in order. */
  readonly calls: string[];
  closed: boolean;
}

/**
 * Which tool calls are in which message of the main agent. The CLI asks about a call as soon as it has been streamed,
 * so the number of calls in a message is known only when the message is over.
 */
export class CallMessages {
  readonly #messages = new Map<string, ModelMessage>();
  /** Calls that have a result. */
  readonly #settled = new Set<string>();
  /** The message that is streamed at the moment. */
  #current: string | undefined;
  readonly #watchers = new Set<() => void>();
  /** Subagents that run: the process is theirs too. */
  readonly #agents = new Set<string>();

  take(message: SDKMessage): void {
    if (message.type === "stream_event" && message.parent_tool_use_id === null) {
      if (message.event.type === "message_start") this.#current = message.event.message.id;
      if (message.event.type === "message_stop") this.#close();
    } else if (message.type === "assistant" && message.parent_tool_use_id === null) {
      const { calls } = this.#messageOf(message.message.id);
      for (const block of message.message.content)
        if (block.type === "tool_use" && isId(block.id) && calls.length < MAX_CALLS) calls.push(block.id);
    } else if (message.type === "user" && message.parent_tool_use_id === null) {
      for (const id of resultsIn(message.message.content))
        if (isId(id) && this.#settled.size < MAX_RESULTS) this.#settled.add(id);
    } else if (message.type === "system" && message.subtype === "task_started") {
      if (message.task_type === "local_agent") this.#agents.add(message.task_id);
    } else if (message.type === "system" && message.subtype === "task_notification") {
      this.#agents.delete(message.task_id);
    }
    for (const look of this.#watchers) look();
  }

  /** Resolves when no subagent works beside the main agent. */
  untilAlone(): Promise<void> {
    return this.#until(() => this.#agents.size === 0);
  }

  /** The calls of this call's message, once that is over; undefined if it is not over within `ms`. */
  async siblingsOf(toolUseId: string, ms: number): Promise<readonly string[] | undefined> {
    const find = () => [...this.#messages.values()].find(({ calls }) => calls.includes(toolUseId));
    await this.#until(() => find()?.closed === true, ms);
    const message = find();
    return message?.closed === true ? message.calls : undefined;
  }

  /** The calls of this call's message that have no result yet. */
  unsettledWith(toolUseId: string): readonly string[] {
    const message = [...this.#messages.values()].find(({ calls }) => calls.includes(toolUseId));
    return message?.calls.filter((id) => !this.#settled.has(id)) ?? [toolUseId];
  }

  #until(holds: () => boolean, ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
        resolve();
      };
      const look = () => {
        if (holds()) done();
      };
      const timer = ms === undefined ? undefined : setTimeout(done, ms);
      this.#watchers.add(look);
      look();
    });
  }

  #close(): void {
    if (this.#current !== undefined) this.#messageOf(this.#current).closed = true;
    this.#current = undefined;
  }

  #messageOf(id: string): ModelMessage {
    const known = this.#messages.get(id);
    if (known !== undefined) return known;
    const message = { calls: [], closed: false };
    this.#messages.set(id, message);
    return message;
  }
}

function isId(id: unknown): boolean {
  return typeof id === "string" && id.length <= MAX_NAME_CHARS;
}

function resultsIn(content: SDKUserMessage["message"]["content"]): string[] {
  if (typeof content === "string") return [];
  return content.flatMap((block) => (block.type === "tool_result" ? [block.tool_use_id] : []));
}
