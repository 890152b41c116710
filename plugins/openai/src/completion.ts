import { randomUUID } from "node:crypto";
import { type AnswerCall, answerCalls, type ChatEnd } from "@claudeway/chat";
import type { TurnResponse } from "@claudeway/core";
import type { CompletionRequest } from "./request.js";

/** What the parts of one answer have in common. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly model: string;
}

export function answerHead({ chat }: CompletionRequest): AnswerHead {
  return { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model: chat.model.name };
}

/** A whole answer (https://platform.openai.com/docs/api-reference/chat/object). */
export function completion(head: AnswerHead, request: CompletionRequest, { response, thinking }: ChatEnd) {
  const reasoning = thinking === "" ? {} : { reasoning_content: thinking };
  const message = { role: "assistant", refusal: null, ...reasoning, ...contentOf(request, response) };
  const choice = { index: 0, message, finish_reason: finishOf(request, response), logprobs: null };
  return { object: "chat.completion", ...head, choices: [choice], usage: usageOf(response) };
}

/** The content of an answer: its text, its structured output as JSON, or calls, with the text before them. */
export function contentOf({ chat, call }: CompletionRequest, response: TurnResponse) {
  const calls = answerCalls(call?.forced, response, `call_${randomUUID().replaceAll("-", "")}`);
  if (calls.length > 0)
    return {
      content: chat.schema === undefined && response.result !== "" ? response.result : null,
      tool_calls: calls.map(toToolCall),
    };
  if (chat.schema === undefined) return { content: response.result };
  return { content: JSON.stringify(response.structured_output ?? null) };
}

function toToolCall({ id, name, input }: AnswerCall) {
  return { id, type: "function", function: { name, arguments: JSON.stringify(input) } };
}

/** Why the model stopped; calls say more than a limit that it reached with them. */
export function finishOf(
  { call }: CompletionRequest,
  response: TurnResponse,
): "stop" | "length" | "tool_calls" {
  if (call?.finish !== undefined) return call.finish;
  if (response.client_calls !== undefined) return "tool_calls";
  return isCutShort(response) ? "length" : "stop";
}

/** Whether the model had no room for the rest of its answer. */
export function isCutShort({ stop_reason: reason }: TurnResponse): boolean {
  return reason === "max_tokens" || reason === "model_context_window_exceeded";
}

/** Tokens as OpenAI's API counts them: the prompt's are all that was read, from a cache or not. */
export function usageOf({ tokens }: TurnResponse) {
  const prompt = tokens.input + tokens.cache_read + tokens.cache_write;
  return {
    prompt_tokens: prompt,
    completion_tokens: tokens.output,
    total_tokens: prompt + tokens.output,
    prompt_tokens_details: { cached_tokens: tokens.cache_read },
  };
}
