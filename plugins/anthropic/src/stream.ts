import { type BegunAnswer, streamError } from "@claudeway/chat";
import type { PluginScope } from "@claudeway/core";
import { streamedError } from "./error-body.js";
import { type Block, blocksOf, messageHead, stopReasonOf, usageOf } from "./message.js";
import type { MessageRequest } from "./request.js";

const NO_TOKENS = {
  input_tokens: 0,
  output_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation_input_tokens: 0,
};

/** The events of a streamed answer (https://docs.anthropic.com/en/api/messages-streaming): its blocks, then the end. */
export async function* messageEvents(
  request: MessageRequest,
  { events }: BegunAnswer,
  log: PluginScope["log"],
): AsyncGenerator<string, void> {
  const head = { ...messageHead(request), content: [], stop_reason: null, stop_sequence: null };
  yield event("message_start", { message: { ...head, usage: NO_TOKENS } });
  yield event("ping", {});
  const isText = request.chat.schema === undefined;
  let speaks = false;
  try {
    for await (const next of events) {
      // Beside structured output, the model may write text that is no part of the answer.
      if (next.type === "text" && isText) {
        if (!speaks) yield textStart(0);
        speaks = true;
        yield textDelta(next.delta);
      } else if (next.type !== "end") yield event("ping", {});
      else {
        for (const [index, block] of blocksOf(request, next.response).entries()) {
          if (block.type !== "text" || !speaks) yield* wholeBlock(block, index);
          yield event("content_block_stop", { index });
        }
        const delta = { stop_reason: stopReasonOf(request, next.response), stop_sequence: null };
        yield event("message_delta", { delta, usage: usageOf(next.response) });
        yield event("message_stop", {});
      }
    }
  } catch (error) {
    yield event("error", streamedError(streamError(error, log)));
  }
}

function* wholeBlock(block: Block, index: number): Generator<string> {
  if (block.type === "text") {
    yield textStart(index);
    if (block.text !== "") yield textDelta(block.text);
    return;
  }
  yield event("content_block_start", { index, content_block: { ...block, input: {} } });
  const delta = { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
  yield event("content_block_delta", { index, delta });
}

function textStart(index: number): string {
  return event("content_block_start", { index, content_block: { type: "text", text: "" } });
}

function textDelta(text: string): string {
  return event("content_block_delta", { index: 0, delta: { type: "text_delta", text } });
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
