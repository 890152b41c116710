import { type BegunAnswer, streamError } from "@claudeway/chat";
import type { PluginScope } from "@claudeway/core";
import { streamedError } from "./error-body.js";
import { type Block, blocksOf, messageHead, SIGNATURE, stopReasonOf, usageOf } from "./message.js";
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
  /** The block that is open. */
  let open: "thinking" | "text" | undefined;
  let index = 0;
  try {
    for await (const next of events) {
      // Beside structured output, the model may write text that is no part of the answer.
      if (next.type === "thinking") {
        if (open === undefined) yield begins({ type: "thinking", thinking: "", signature: "" }, index);
        open = "thinking";
        yield delta({ type: "thinking_delta", thinking: next.delta }, index);
      } else if (next.type === "text" && isText) {
        if (open === "thinking") yield* thinkingEnds(index++);
        if (open !== "text") yield begins({ type: "text", text: "" }, index);
        open = "text";
        yield delta({ type: "text_delta", text: next.delta }, index);
      } else if (next.type !== "end") yield event("ping", {});
      else {
        if (open === "thinking") yield* thinkingEnds(index++);
        const isSaid = open === "text";
        for (const block of blocksOf(request, next)) {
          if (block.type === "thinking") continue;
          if (block.type !== "text" || !isSaid) yield* wholeBlock(block, index);
          yield event("content_block_stop", { index: index++ });
        }
        const end = { stop_reason: stopReasonOf(request, next.response), stop_sequence: null };
        yield event("message_delta", { delta: end, usage: usageOf(next.response) });
        yield event("message_stop", {});
      }
    }
  } catch (error) {
    yield event("error", streamedError(streamError(error, log)));
  }
}

function* thinkingEnds(index: number): Generator<string> {
  yield delta({ type: "signature_delta", signature: SIGNATURE }, index);
  yield event("content_block_stop", { index });
}

function* wholeBlock(block: Exclude<Block, { readonly type: "thinking" }>, index: number): Generator<string> {
  if (block.type === "text") {
    yield begins({ type: "text", text: "" }, index);
    if (block.text !== "") yield delta({ type: "text_delta", text: block.text }, index);
    return;
  }
  yield begins({ ...block, input: {} }, index);
  yield delta({ type: "input_json_delta", partial_json: JSON.stringify(block.input) }, index);
}

function begins(block: Block, index: number): string {
  return event("content_block_start", { index, content_block: block });
}

function delta(fields: object, index: number): string {
  return event("content_block_delta", { index, delta: fields });
}

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
