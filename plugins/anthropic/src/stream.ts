import { type BegunAnswer, streamError } from "@claudeway/chat";
import type { PluginScope } from "@claudeway/core";
import { streamedError } from "./error-body.js";
import { blockOf, messageHead, stopReasonOf, usageOf } from "./message.js";
import type { MessageRequest } from "./request.js";

const NO_TOKENS = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

/** The events of a streamed answer (https://docs.anthropic.com/en/api/messages-streaming): one block, then the end. */
export async function* messageEvents(
  request: MessageRequest,
  { events }: BegunAnswer,
  log: PluginScope["log"],
): AsyncGenerator<string, void> {
  const head = { ...messageHead(request), content: [], stop_reason: null, stop_sequence: null };
  yield event("message_start", { message: { ...head, usage: NO_TOKENS } });
  yield event("ping", {});
  const isText = request.chat.schema === undefined;
  if (isText) yield textStart();
  try {
    for await (const next of events) {
      // Beside structured output, the model may write text that is no part of the answer.
      if (next.type === "text" && isText) yield textDelta(next.delta);
      else if (next.type !== "end") yield event("ping", {});
      else {
        if (!isText) yield* wholeBlock(blockOf(request, next.response));
        yield event("content_block_stop", { index: 0 });
        const delta = { stop_reason: stopReasonOf(request), stop_sequence: null };
        yield event("message_delta", { delta, usage: usageOf(next.response) });
        yield event("message_stop", {});
      }
    }
  } catch (error) {
    yield event("error", streamedError(streamError(error, log)));
  }
}

function* wholeBlock(block: ReturnType<typeof blockOf>): Generator<string> {
  if (block.type === "text") {
    yield textStart();
    yield textDelta(block.text);
    return;
  }
  yield event("content_block_start", { index: 0, content_block: { ...block, input: {} } });
  const delta = { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
  yield event("content_block_delta", { index: 0, delta });
}

function textStart(): string {
  return event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
}

function textDelta(text: string): string {
  return event("content_block_delta", { index: 0, delta: { type: "text_delta", text } });
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
