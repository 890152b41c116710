import type {
  PermissionMode,
  SDKAssistantMessage,
  SDKMessage,
  SDKPartialAssistantMessage,
  SDKResultMessage,
} from "@anthropic-ai/claude-agent-sdk";
import type { EngineListener, Failure, TotalsByModel } from "@claudeway/ports";
import type { PermissionDenial } from "@claudeway/schemas";
import { beginningOf } from "./beginning.js";
import { DeliveredUsage, type MessageState, type MessageUsage } from "./delivered-usage.js";
import { FailureWatch, LimitWatch, withAdvice } from "./failures.js";
import { GrowingText } from "./growing-text.js";
import { checkResult, MAX_MESSAGES } from "./result-check.js";
import { estimatedUsage, totalsAsReported } from "./usage.js";

/** The CLI's result message of a turn. */
export interface TurnReport {
  readonly ok: boolean;
  readonly text: string;
  readonly error: string | null;
  /** Why it failed, or why the CLI's last request failed that it did not get to repeat. */
  readonly failure: Failure | undefined;
  readonly structuredOutput: unknown;
  /** Why the model stopped, if it said so. */
  readonly stopReason: string | undefined;
  readonly denials: readonly PermissionDenial[];
  readonly totals: TotalsByModel;
  /** The CLI's own id of the session that the totals are of: another one after `/clear`. */
  readonly sessionId: string;
  /** The call that the CLI keeps, where the turn ended because it was deferred. */
  readonly deferred: string | undefined;
  /** The session was not there to be resumed. */
  readonly noConversation: boolean;
  /** The model was not asked. */
  readonly isEmpty: boolean;
}

/** What is kept of one turn: its text, and the names of the tools that it called. */
const MAX_TEXT_CHARS = 32 * 1024 * 1024;
const MAX_TOOLS = 1000;
const MAX_TOOL_CHARS = 200;

/** Reads the messages of one turn: reports text and usage as they arrive, and the streamed usage at its end. */
export class TurnReading {
  /** The message that each agent streams at the moment; "" is the main one. */
  readonly #current = new Map<string, { readonly id: string; readonly model: string }>();
  /** The messages that are being streamed and have no text yet. */
  readonly #empty = new Set<string>();
  readonly #agents = new Set<string>();
  /** Subagents that were stopped: their last messages may have broken off unseen. */
  #stoppedAgents = 0;
  /** A request to the model is pending without any output. */
  #asked = false;
  readonly #text = new GrowingText();
  #model: string | undefined;
  #newMessage = false;
  #planMode: boolean | undefined;
  readonly #failures: FailureWatch;
  #firstOutputAt: number | undefined;
  readonly #toolCalls = new Map<string, number>();

  /**
   * @param delivered what was delivered of the same messages before
   * @param limits what the process has heard of the account's limits
   */
  constructor(
    private readonly listener: EngineListener,
    readonly delivered = new DeliveredUsage(),
    limits: Pick<LimitWatch, "reached"> = new LimitWatch(),
  ) {
    this.#failures = new FailureWatch(limits);
  }

  get text(): string {
    return this.#text.toString();
  }

  /** The model of the main agent's messages. */
  get model(): string | undefined {
    return this.#model;
  }

  /** When the main agent's first output came (`performance.now()`). */
  get firstOutputAt(): number | undefined {
    return this.#firstOutputAt;
  }

  /** How many calls were made of each tool, by subagents too. */
  get toolCalls(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#toolCalls);
  }

  /** Whether the CLI is in plan mode; undefined if unknown. */
  get planMode(): boolean | undefined {
    return this.#planMode;
  }

  /** Whether a message broke off, possibly before any of it arrived, so that its cost is unknown. */
  get cut(): boolean {
    return this.delivered.cut || this.#stoppedAgents > 0 || this.#asked;
  }

  /** Why the CLI's last request failed, if it was about to repeat it. */
  get retried(): Failure | undefined {
    return this.#failures.retried;
  }

  /** Reads any message except the result. */
  take(message: SDKMessage): void {
    this.#failures.take(message);
    if (message.type === "stream_event") this.#takeStreamEvent(message);
    else if (message.type === "assistant") {
      this.#asked = false;
      this.#takeWhole(message);
    } else if (message.type === "system" && message.subtype === "status") {
      this.#asked = message.status !== null;
      this.#noteMode(message.permissionMode);
    } else if (message.type === "system" && message.subtype === "init") {
      this.#noteMode(message.permissionMode);
    } else if (message.type === "system" && message.subtype === "task_started") {
      if (message.task_type === "local_agent") this.#agents.add(message.task_id);
    } else if (message.type === "system" && message.subtype === "task_notification") {
      if (!this.#agents.has(message.task_id) || message.status === "completed") return;
      this.#stoppedAgents++;
      if (message.tool_use_id !== undefined) this.#doubt(message.tool_use_id);
    }
  }

  /** Reads the result, and emits its text if nothing was streamed, as for a slash command. Throws if it is not valid. */
  finish(message: SDKResultMessage): TurnReport {
    checkResult(message);
    const failure = this.#failures.failureOf(message) ?? this.retried;
    const report = toReport(message, failure);
    if (!report.ok) return { ...report, text: this.text };
    this.#asked = false;
    if (this.#text.length === 0 && report.text !== "") this.#tellText(report.text);
    return report;
  }

  #noteMode(mode: PermissionMode | undefined): void {
    if (mode !== undefined) this.#planMode = mode === "plan";
  }

  /** Messages of subagents arrive complete, without a stream. The CLI's own error messages cost nothing. */
  #takeWhole({
    message: { id, model, usage, content },
    parent_tool_use_id: agent,
  }: SDKAssistantMessage): void {
    for (const block of content)
      if (block.type === "tool_use") this.#noteCall(beginningOf(String(block.name), MAX_TOOL_CHARS));
    if (model !== "<synthetic>") {
      this.#note(id, model, usage, "whole");
      if (agent !== null) this.#begin(agent, { id, model });
    } else if (agent !== null) this.#doubt(agent);
  }

  /** Throws if too many agents speak. */
  #begin(agent: string, message: { readonly id: string; readonly model: string }): void {
    if (!this.#current.has(agent) && this.#current.size >= MAX_MESSAGES)
      throw new Error(`a turn must have at most ${MAX_MESSAGES} agents`);
    this.#current.set(agent, message);
  }

  #noteCall(tool: string): void {
    const before = this.#toolCalls.get(tool);
    if (before !== undefined || this.#toolCalls.size < MAX_TOOLS)
      this.#toolCalls.set(tool, (before ?? 0) + 1);
  }

  /** An error ended what this subagent was saying. */
  #doubt(agent: string): void {
    const current = this.#current.get(agent);
    if (current !== undefined) this.delivered.doubt(current.id);
  }

  #takeStreamEvent({ event, parent_tool_use_id }: SDKPartialAssistantMessage): void {
    const agent = parent_tool_use_id ?? "";
    switch (event.type) {
      case "message_start": {
        const { id, model, usage } = event.message;
        this.#asked = false;
        this.#begin(agent, { id, model });
        this.#empty.add(id);
        if (agent === "") {
          this.#model = model;
          this.#newMessage = true;
        }
        this.#note(id, model, usage, "open");
        break;
      }
      case "message_delta": {
        const current = this.#current.get(agent);
        // The CLI ends a message that it breaks off with such an event of its own, which has no reason.
        const state = event.delta.stop_reason === null ? "open" : "closed";
        if (current === undefined) break;
        this.#empty.delete(current.id);
        this.#note(current.id, current.model, event.usage, state);
        break;
      }
      case "content_block_start":
        if (agent === "") this.#firstOutputAt ??= performance.now();
        this.#empty.delete(this.#current.get(agent)?.id ?? "");
        break;
      case "message_stop": {
        const id = this.#current.get(agent)?.id ?? "";
        if (this.#empty.delete(id)) this.delivered.leaveEmpty(id);
        break;
      }
      case "content_block_delta":
        if (agent === "" && event.delta.type === "text_delta") this.#tellText(event.delta.text);
        break;
      default:
    }
  }

  #tellText(text: string): void {
    if (text === "") return;
    if (this.#text.length + text.length > MAX_TEXT_CHARS)
      throw new Error(`the text of a turn must have at most ${MAX_TEXT_CHARS} characters`);
    const separator = this.#newMessage && this.#text.length > 0 ? "\n\n" : "";
    this.#newMessage = false;
    const news = separator + text;
    this.#text.append(news);
    this.listener.text(news);
  }

  #note(id: string, model: string, usage: MessageUsage, state: MessageState): void {
    const isNews = this.delivered.note(id, model, usage, state);
    if (isNews) this.listener.usage(estimatedUsage(this.delivered.totals()));
  }
}

/** Whether the CLI reports that the session to resume was not found. */
export function lacksConversation(message: SDKResultMessage): boolean {
  return (
    message.subtype !== "success" && message.errors.some((error) => error.includes("No conversation found"))
  );
}

function toReport(message: SDKResultMessage, failure: Failure | undefined): TurnReport {
  const ok = message.subtype === "success" && !message.is_error;
  const text = message.subtype === "success" ? message.result : "";
  const errors = message.subtype === "success" ? [] : message.errors;
  return {
    ok,
    text,
    error: ok
      ? null
      : withAdvice(text || errors.join("; ") || `Claude ended the turn: ${message.subtype}`, failure),
    failure: ok ? undefined : failure,
    stopReason: message.stop_reason ?? undefined,
    structuredOutput: message.subtype === "success" ? message.structured_output : undefined,
    denials: message.permission_denials.map(({ tool_name, tool_use_id, tool_input }) => ({
      tool_name,
      tool_use_id,
      tool_input,
    })),
    totals: totalsAsReported(message.modelUsage),
    sessionId: message.session_id,
    deferred: message.subtype === "success" ? message.deferred_tool_use?.id : undefined,
    noConversation: lacksConversation(message),
    isEmpty: message.num_turns === 0,
  };
}
