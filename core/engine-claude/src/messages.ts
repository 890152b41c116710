import type { SDKMessage, SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import { isName, MAX_MESSAGES } from "./result-check.js";

/** Calls of one message and of one turn, and its results: no turn has as many, but tools may speak for the CLI. */
const MAX_CALLS = 10_000;
const MAX_CALLS_OF_TURN = 100_000;
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
  /** The message of each call. */
  readonly #ofCalls = new Map<string, ModelMessage>();
  /** Calls that have a result. */
  readonly #settled = new Set<string>();
  /** The message that is streamed at the moment. */
  #current: string | undefined;
  readonly #watchers = new Set<() => void>();
  /** Subagents that run: the process is theirs too. */
  readonly #agents = new Set<string>();

  /** Reads any message. Throws if there are too many. */
  take(message: SDKMessage): void {
    if (message.type === "stream_event" && message.parent_tool_use_id === null) {
      if (message.event.type === "message_start") this.#current = message.event.message.id;
      if (message.event.type === "message_stop") this.#close();
    } else if (message.type === "assistant" && message.parent_tool_use_id === null) {
      const said = this.#messageOf(message.message.id);
      for (const block of message.message.content) if (block.type === "tool_use") this.#note(block.id, said);
    } else if (message.type === "user" && message.parent_tool_use_id === null) {
      for (const id of resultsIn(message.message.content))
        if (isName(id) && this.#settled.size < MAX_RESULTS) this.#settled.add(id);
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
    await this.#until(() => this.#ofCalls.get(toolUseId)?.closed === true, ms);
    const message = this.#ofCalls.get(toolUseId);
    return message?.closed === true ? message.calls : undefined;
  }

  /** The calls of this call's message that have no result yet. */
  unsettledWith(toolUseId: string): readonly string[] {
    const { calls } = this.#ofCalls.get(toolUseId) ?? {};
    return calls?.filter((id) => !this.#settled.has(id)) ?? [toolUseId];
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

  #note(call: string, message: ModelMessage): void {
    if (!isName(call) || this.#ofCalls.has(call)) return;
    if (message.calls.length >= MAX_CALLS || this.#ofCalls.size >= MAX_CALLS_OF_TURN) return;
    message.calls.push(call);
    this.#ofCalls.set(call, message);
  }

  #messageOf(id: string): ModelMessage {
    const known = this.#messages.get(id);
    if (known !== undefined) return known;
    if (this.#messages.size >= MAX_MESSAGES)
      throw new Error(`a turn must have at most ${MAX_MESSAGES} messages`);
    const message = { calls: [], closed: false };
    this.#messages.set(id, message);
    return message;
  }
}

function resultsIn(content: SDKUserMessage["message"]["content"]): string[] {
  if (typeof content === "string") return [];
  return content.flatMap((block) => (block.type === "tool_result" ? [block.tool_use_id] : []));
}
