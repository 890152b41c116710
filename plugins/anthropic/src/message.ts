import { randomUUID } from "node:crypto";
import { answerCalls, type ChatEnd } from "@claudeway/chat";
import type { TurnResponse } from "@claudeway/core";
import type { MessageRequest } from "./request.js";

export type Block =
  | { readonly type: "thinking"; readonly thinking: string; readonly signature: string }
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

/** A whole answer (https://docs.anthropic.com/en/api/messages). */
export function message(request: MessageRequest, end: ChatEnd) {
  const { response } = end;
  return {
    ...messageHead(request),
    content: blocksOf(request, end),
    stop_reason: stopReasonOf(request, response),
    stop_sequence: null,
    usage: usageOf(response),
  };
}

/** Clients want one. The API's own stays in the session: thinking that clients send back is left out. */
export const SIGNATURE = Buffer.from("claudeway").toString("base64");

/** The answer: thinking that was asked for, then its text, its structured output as JSON, or calls, with the text before them. */
export function blocksOf({ chat, forced }: MessageRequest, { response, thinking }: ChatEnd): Block[] {
  const calls = answerCalls(forced, response, idOf("toolu_")).map(
    (call): Block => ({ type: "tool_use", ...call }),
  );
  const { result, structured_output: output = {} } = response;
  const text = chat.schema === undefined ? result : JSON.stringify(output);
  const isSaid = calls.length === 0 || (chat.schema === undefined && text !== "");
  const thoughts: Block[] = thinking === "" ? [] : [{ type: "thinking", thinking, signature: SIGNATURE }];
  return [...thoughts, ...(isSaid ? [{ type: "text" as const, text }] : []), ...calls];
}

const STOP_REASONS = [
  "max_tokens",
  "stop_sequence",
  "refusal",
  "pause_turn",
  "model_context_window_exceeded",
] as const;

export function stopReasonOf({ forced }: MessageRequest, response: TurnResponse) {
  if (forced !== undefined || response.client_calls !== undefined) return "tool_use";
  return STOP_REASONS.find((reason) => reason === response.stop_reason) ?? "end_turn";
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
