import { randomUUID } from "node:crypto";
import type { TurnResponse } from "@claudeway/core";
import type { MessageRequest } from "./request.js";

type Block =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_use"; readonly id: string; readonly name: string; readonly input: object };

/** The fields of an answer that are known when it begins. */
export function messageHead({ chat }: MessageRequest) {
  return {
    id: idOf("msg_"),
    type: "message",
    role: "assistant",
    model: chat.model.name,
  } as const;
}

export type MessageHead = ReturnType<typeof messageHead>;

/** A whole answer (https://docs.anthropic.com/en/api/messages). */
export function message(request: MessageRequest, response: TurnResponse) {
  return {
    ...messageHead(request),
    content: [blockOf(request, response)],
    stop_reason: stopReasonOf(request),
    stop_sequence: null,
    usage: usageOf(response),
  };
}

/** The answer: its text, its structured output as JSON, or the call of the forced tool. */
export function blockOf({ chat, call }: MessageRequest, response: TurnResponse): Block {
  const output = response.structured_output ?? {};
  if (call !== undefined) return { type: "tool_use", id: idOf("toolu_"), name: call, input: output };
  return { type: "text", text: chat.schema === undefined ? response.result : JSON.stringify(output) };
}

export function stopReasonOf({ call }: MessageRequest): "end_turn" | "tool_use" {
  return call === undefined ? "end_turn" : "tool_use";
}

export function usageOf({ tokens }: TurnResponse) {
  return {
    input_tokens: tokens.input,
    output_tokens: tokens.output,
    cache_read_input_tokens: tokens.cache_read,
    cache_creation_input_tokens: tokens.cache_write,
  };
}

function idOf(prefix: string): string {
  return prefix + randomUUID().replaceAll("-", "");
}
