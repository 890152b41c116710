import { type BegunAnswer, type ChatEnd, streamError } from "@claudeway/chat";
import type { PluginScope } from "@claudeway/core";
import { streamedError } from "./error-body.js";
import {
  type CompletedBody,
  messageItem,
  outputItems,
  type ResponseHead,
  reasoningItem,
  responseBody,
  summaryPart,
  textPart,
} from "./response-body.js";
import type { ResponseRequest } from "./response-request.js";

/** The events of a streamed response (https://platform.openai.com/docs/api-reference/responses-streaming). */
export class ResponseStream {
  #sequence = 0;
  /** The thinking so far, which is the first item if there is any. */
  #thinking = "";
  #thinks = false;
  /** The message has begun. */
  #speaks = false;

  constructor(
    private readonly head: ResponseHead,
    private readonly request: ResponseRequest,
    /** The whole response, which is stored by then if that was asked for. */
    private readonly completed: (end: ChatEnd) => Promise<CompletedBody>,
    private readonly log: PluginScope["log"],
  ) {}

  async *events({ events }: BegunAnswer): AsyncGenerator<string, void> {
    const { head, request } = this;
    const isText = request.chat.schema === undefined;
    yield this.#event("response.created", { response: responseBody(head, request) });
    yield this.#event("response.in_progress", { response: responseBody(head, request) });
    try {
      for await (const event of events) {
        // Beside structured output, the model may write text that is no part of the answer.
        if (event.type === "text" && isText) yield* this.#say(event.delta);
        else if (event.type === "thinking") yield* this.#think(event.delta);
        else if (event.type !== "end") yield ": keep-alive\n\n";
        else {
          yield* this.#itemsEnd(event);
          const response = await this.completed(event);
          yield this.#event(`response.${response.status}`, { response });
        }
      }
    } catch (error) {
      yield this.#failed(error);
    }
  }

  *#think(delta: string): Generator<string> {
    const { id } = reasoningItem(this.head, "");
    const part = { output_index: 0, item_id: id, summary_index: 0 };
    if (this.#thinking === "") {
      this.#thinks = true;
      const item = reasoningItem(this.head, "");
      yield this.#event("response.output_item.added", { output_index: 0, item });
      yield this.#event("response.reasoning_summary_part.added", { ...part, part: summaryPart("") });
    }
    this.#thinking += delta;
    yield this.#event("response.reasoning_summary_text.delta", { ...part, delta });
  }

  *#thinkingEnds(): Generator<string> {
    if (!this.#thinks) return;
    this.#thinks = false;
    const text = this.#thinking;
    const item = reasoningItem(this.head, text);
    const part = { output_index: 0, item_id: item.id, summary_index: 0 };
    yield this.#event("response.reasoning_summary_text.done", { ...part, text });
    yield this.#event("response.reasoning_summary_part.done", { ...part, part: summaryPart(text) });
    yield this.#event("response.output_item.done", { output_index: 0, item });
  }

  *#say(text: string): Generator<string> {
    if (!this.#speaks) {
      this.#speaks = true;
      yield* this.#thinkingEnds();
      const { output_index } = this.#part;
      yield this.#event("response.output_item.added", { output_index, item: messageItem(this.head) });
      yield this.#event("response.content_part.added", { ...this.#part, part: textPart("") });
    }
    if (text !== "") yield this.#delta(text);
  }

  *#itemsEnd(end: ChatEnd): Generator<string> {
    const { head, request } = this;
    yield* this.#thinkingEnds();
    for (const [index, item] of outputItems(head, request, end).entries()) {
      if (item.type === "reasoning") continue;
      const place = { output_index: index };
      if (item.type === "message") {
        const [part = textPart("")] = item.content;
        yield* this.#say(request.chat.schema === undefined ? "" : part.text);
        yield this.#event("response.output_text.done", { ...this.#part, text: part.text, logprobs: [] });
        yield this.#event("response.content_part.done", { ...this.#part, part });
      } else {
        const { arguments: text, name, id: item_id } = item;
        const begun = { ...item, status: "in_progress", arguments: "" };
        yield this.#event("response.output_item.added", { ...place, item: begun });
        yield this.#event("response.function_call_arguments.delta", { ...place, item_id, delta: text });
        yield this.#event("response.function_call_arguments.done", {
          ...place,
          item_id,
          name,
          arguments: text,
        });
      }
      yield this.#event("response.output_item.done", { ...place, item });
    }
  }

  #delta(delta: string): string {
    return this.#event("response.output_text.delta", { ...this.#part, delta, logprobs: [] });
  }

  #failed(error: unknown): string {
    const { message, code } = streamedError(streamError(error, this.log)).error;
    const body = responseBody(this.head, this.request);
    const response = { ...body, status: "failed", error: { code: code ?? "server_error", message } };
    return this.#event("response.failed", { response });
  }

  get #part() {
    const output_index = this.#thinking === "" ? 0 : 1;
    return { output_index, item_id: messageItem(this.head).id, content_index: 0 };
  }

  #event(type: string, fields: object): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#sequence++, ...fields })}\n\n`;
  }
}
