import { randomUUID } from "node:crypto";
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
export function completion(head: AnswerHead, request: CompletionRequest, response: TurnResponse) {
  const message = { role: "assistant", refusal: null, ...contentOf(request, response) };
  const choice = { index: 0, message, finish_reason: finishOf(request), logprobs: null };
  return { object: "chat.completion", ...head, choices: [choice], usage: usageOf(response) };
}

/** The content of an answer: its text, its structured output as JSON, or the call of the forced function. */
export function contentOf({ chat, call }: CompletionRequest, response: TurnResponse) {
  if (chat.schema === undefined) return { content: response.result };
  const json = JSON.stringify(response.structured_output ?? null);
  if (call === undefined) return { content: json };
  const id = `call_${randomUUID().replaceAll("-", "")}`;
  return {
    content: null,
    tool_calls: [{ id, type: "function", function: { name: call.name, arguments: json } }],
  };
}

export function finishOf({ call }: CompletionRequest): "stop" | "tool_calls" {
  return call?.finish ?? "stop";
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
