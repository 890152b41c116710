import { type BegunAnswer, streamError } from "@claudeway/chat";
import type { PluginScope, TurnResponse } from "@claudeway/core";
import { type AnswerHead, contentOf, finishOf, usageOf } from "./completion.js";
import { streamedError } from "./error-body.js";
import type { CompletionRequest } from "./request.js";

/** A comment, which clients skip. */
const ALIVE = ": keep-alive\n\n";
const DONE = "data: [DONE]\n\n";

/**
 * The chunks of a streamed answer (https://platform.openai.com/docs/api-reference/chat-streaming): the role, the text, the
 * reason of the end, and, only if the client asked for it, the usage in a chunk of its own.
 */
export async function* chunks(
  head: AnswerHead,
  request: CompletionRequest,
  { events }: BegunAnswer,
  log: PluginScope["log"],
): AsyncGenerator<string, void> {
  const chunk = (choices: readonly object[], more: object = {}) =>
    `data: ${JSON.stringify({ object: "chat.completion.chunk", ...head, choices, ...more })}\n\n`;
  const part = (delta: object, finish_reason: string | null = null) =>
    chunk([{ index: 0, delta, finish_reason, logprobs: null }], request.includeUsage ? { usage: null } : {});
  yield part({ role: "assistant", content: "" });
  try {
    for await (const event of events) {
      // Beside structured output, the model may write text that is no part of the answer.
      if (event.type === "text" && request.chat.schema === undefined) yield part({ content: event.delta });
      else if (event.type === "thinking") yield part({ reasoning_content: event.delta });
      else if (event.type !== "end") yield ALIVE;
      else {
        const rest = restOf(request, event.response);
        if (rest !== undefined) yield part(rest);
        yield part({}, finishOf(request, event.response));
        if (request.includeUsage) yield chunk([], { usage: usageOf(event.response) });
        yield DONE;
      }
    }
  } catch (error) {
    yield `data: ${JSON.stringify(streamedError(streamError(error, log)))}\n\n`;
  }
}

/** What of an answer has not been streamed: its calls, or all of it if it is structured. */
function restOf(request: CompletionRequest, response: TurnResponse): object | undefined {
  const { content, tool_calls: calls } = { tool_calls: undefined, ...contentOf(request, response) };
  if (calls !== undefined) return { tool_calls: calls.map((call, index) => ({ index, ...call })) };
  return request.chat.schema === undefined ? undefined : { content };
}
