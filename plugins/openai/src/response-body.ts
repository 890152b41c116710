import { type AnswerCall, answerCalls, type ChatEnd } from "@claudeway/chat";
import type { TurnResponse } from "@claudeway/core";
import { isCutShort } from "./completion.js";
import type { ResponseRequest } from "./response-request.js";

/** The fields that a response has from its beginning. */
export interface ResponseHead {
  /** Of the ids of the response and its item. */
  readonly number: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
}

/** A response before its answer (https://platform.openai.com/docs/api-reference/responses/object). */
export function responseBody(
  { number, createdAt }: ResponseHead,
  { chat, body, previous, store }: ResponseRequest,
) {
  return {
    id: `resp_${number}`,
    object: "response",
    created_at: createdAt,
    status: "in_progress",
    error: null,
    incomplete_details: null,
    instructions: body["instructions"] ?? null,
    max_output_tokens: null,
    metadata: body["metadata"] ?? {},
    model: chat.model.name,
    output: [],
    parallel_tool_calls: body["parallel_tool_calls"] !== false,
    previous_response_id: previous ?? null,
    reasoning: { effort: chat.effort ?? null, summary: chat.showsThinking ? "auto" : null },
    store,
    temperature: null,
    text: body["text"] ?? { format: { type: "text" } },
    tool_choice: body["tool_choice"] ?? "auto",
    tools: body["tools"] ?? [],
    top_p: null,
    truncation: "disabled",
    usage: null,
  };
}

export type CompletedBody = ReturnType<typeof completedBody>;

export function completedBody(head: ResponseHead, request: ResponseRequest, end: ChatEnd) {
  const status = statusOf(request, end.response);
  return {
    ...responseBody(head, request),
    status,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    output: outputItems(head, request, end),
    usage: usageOf(end.response),
  };
}

/** Calls are whole, so a response with some is. */
function statusOf({ call }: ResponseRequest, response: TurnResponse): "completed" | "incomplete" {
  const hasCalls = call?.forced !== undefined || response.client_calls !== undefined;
  return !hasCalls && isCutShort(response) ? "incomplete" : "completed";
}

/** The text of the answer, or its structured output as JSON. */
export function outputText({ chat }: ResponseRequest, response: TurnResponse): string {
  return chat.schema === undefined ? response.result : JSON.stringify(response.structured_output ?? null);
}

/** The items of an answer: thinking that was asked for, then a message, calls of functions, or both. */
export function outputItems(head: ResponseHead, request: ResponseRequest, { response, thinking }: ChatEnd) {
  const calls = answerCalls(request.call?.forced, response, `call_${head.number}`);
  const text = outputText(request, response);
  const isSaid = calls.length === 0 || (request.chat.schema === undefined && text !== "");
  return [
    ...(thinking === "" ? [] : [reasoningItem(head, thinking)]),
    ...(isSaid
      ? [{ ...messageItem(head), status: statusOf(request, response), content: [textPart(text)] }]
      : []),
    ...calls.map((call, index) => ({
      ...callItem(head, call, index),
      status: "completed",
      arguments: JSON.stringify(call.input),
    })),
  ];
}

/** @param thinking "" if it begins */
export function reasoningItem({ number }: ResponseHead, thinking: string) {
  return {
    type: "reasoning",
    id: `rs_${number}`,
    summary: thinking === "" ? [] : [summaryPart(thinking)],
  } as const;
}

export function summaryPart(text: string) {
  return { type: "summary_text", text } as const;
}

export function messageItem({ number }: ResponseHead) {
  return {
    type: "message",
    id: `msg_${number}`,
    role: "assistant",
    status: "in_progress",
    content: [],
  } as const;
}

function callItem({ number }: ResponseHead, { id, name }: AnswerCall, index: number) {
  return {
    type: "function_call",
    id: `fc_${number}_${index}`,
    call_id: id,
    name,
    status: "in_progress",
    arguments: "",
  } as const;
}

export function textPart(text: string) {
  return { type: "output_text", text, annotations: [], logprobs: [] } as const;
}

function usageOf({ tokens }: TurnResponse) {
  const input = tokens.input + tokens.cache_read + tokens.cache_write;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: tokens.cache_read },
    output_tokens: tokens.output,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: input + tokens.output,
  };
}
