import type {
  SDKAPIRetryMessage,
  SDKAssistantMessage,
  SDKCompactBoundaryMessage,
  SDKMessage,
  SDKPartialAssistantMessage,
  SDKRateLimitInfo,
  SDKUserMessage,
} from "@anthropic-ai/claude-agent-sdk";
import type { EventListener } from "@claudeway/ports";
import type { ApiRetry, Compaction, StreamedToolCall, UsageLimit } from "@claudeway/schemas";
import { beginningOf } from "./beginning.js";
import { callOf, textOfResult } from "./message-blocks.js";
import type { BackgroundTasks } from "./tasks.js";

/** A longer result of a tool is cut, in characters. */
const MAX_RESULT_TEXT = 16_384;

/** Reports what the CLI does beside its text: tool calls, thinking, retries, limits, tasks and compactions. */
export class EventReading {
  constructor(
    private readonly listener: EventListener,
    private readonly tasks: Pick<BackgroundTasks, "eventOf">,
  ) {}

  /** Reads any message; the tasks have read it before. */
  take(message: SDKMessage): void {
    switch (message.type) {
      case "stream_event":
        this.#takeDelta(message);
        break;
      case "assistant":
        this.#takeBlocks(message);
        break;
      case "user":
        this.#takeResults(message);
        break;
      case "rate_limit_event":
        this.listener.event({ type: "limit", data: limitOf(message.rate_limit_info) });
        break;
      case "system":
        if (message.subtype === "api_retry") this.listener.event({ type: "retry", data: retryOf(message) });
        else if (message.subtype === "compact_boundary")
          this.listener.event({ type: "compacted", data: compactionOf(message) });
        else if ("task_id" in message) this.#takeTask(message);
        break;
      default:
    }
  }

  /** The main agent's thinking arrives in pieces; that of subagents only with their whole messages. */
  #takeDelta({ event, parent_tool_use_id: parent }: SDKPartialAssistantMessage): void {
    if (event.type !== "content_block_delta" || event.delta.type !== "thinking_delta") return;
    if (parent === null) this.#think(event.delta.thinking, null);
  }

  #takeBlocks({ message, parent_tool_use_id: parent }: SDKAssistantMessage): void {
    for (const block of message.content) {
      if (block.type === "tool_use" && this.listener.wants("tools"))
        this.listener.event({ type: "tool_call", data: { ...callOf(block), ...agentOf(parent) } });
      else if (block.type === "thinking" && parent !== null) this.#think(block.thinking, parent);
    }
  }

  #think(text: string, parent: string | null): void {
    if (text !== "" && this.listener.wants("thinking"))
      this.listener.event({ type: "thinking", data: { text, ...agentOf(parent) } });
  }

  #takeResults({ message: { content }, parent_tool_use_id: parent }: SDKUserMessage): void {
    if (typeof content === "string") return;
    for (const block of content) {
      if (block.type !== "tool_result" || !this.listener.wants("tools")) continue;
      const text = textOfResult(block.content);
      const data = {
        id: block.tool_use_id,
        ok: block.is_error !== true,
        text: beginningOf(text, MAX_RESULT_TEXT),
        length: text.length,
        ...agentOf(parent),
      };
      this.listener.event({ type: "tool_result", data });
    }
  }

  #takeTask(message: SDKMessage): void {
    const data = this.tasks.eventOf(message);
    if (data !== undefined) this.listener.event({ type: "task", data });
  }
}

/** The call that launched the subagent of a message. */
function agentOf(parent: string | null): Pick<StreamedToolCall, "parent_tool_use_id"> {
  return parent === null ? {} : { parent_tool_use_id: parent };
}

function retryOf({
  error_status: status,
  error,
  attempt,
  max_retries: of,
  retry_delay_ms: wait_ms,
}: SDKAPIRetryMessage): ApiRetry {
  return { status, error, attempt, of, wait_ms };
}

const LIMIT_STATES = { allowed: "allowed", allowed_warning: "warning", rejected: "rejected" } as const;

function limitOf({ status, rateLimitType, resetsAt, utilization }: SDKRateLimitInfo): UsageLimit {
  return {
    status: LIMIT_STATES[status],
    limit: rateLimitType ?? null,
    resets_at: timeOf(resetsAt),
    utilization: utilization ?? null,
  };
}

/** A time in seconds since 1970 as text; null if it is none. */
function timeOf(seconds = Number.NaN): string | null {
  const time = new Date(seconds * 1000);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}

function compactionOf({ compact_metadata: of }: SDKCompactBoundaryMessage): Compaction {
  return { trigger: of.trigger, tokens_before: of.pre_tokens, tokens_after: of.post_tokens ?? null };
}
