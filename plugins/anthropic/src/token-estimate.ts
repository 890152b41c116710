import type { HistoryBlock } from "@claudeway/core";
import type { MessageRequest } from "./request.js";

/** Characters that make a token, on the average of English text and code. */
const CHARS_PER_TOKEN = 3.5;
/** What an image of the usual size is counted as. */
const IMAGE_TOKENS = 1500;
/** What a page of a PDF is counted as, and how many bytes of base64 it has. */
const PAGE_TOKENS = 2000;
const PAGE_CHARS = 100_000;
/** What a message has beside its content. */
const MESSAGE_TOKENS = 4;

/** How many tokens a request has, roughly: the model's own tokenizer is not public. */
export function estimateTokens({ chat }: MessageRequest): number {
  const messages = chat.messages.map(({ content }) => MESSAGE_TOKENS + sum(content.map(tokensOf)));
  const schemas = [chat.schema, chat.tools?.tools].filter((one) => one !== undefined);
  const schema = sum(schemas.map((one) => JSON.stringify(one).length / CHARS_PER_TOKEN));
  return Math.ceil(sum(messages) + (chat.system?.length ?? 0) / CHARS_PER_TOKEN + schema);
}

function tokensOf(block: HistoryBlock): number {
  if (block.type === "text") return block.text.length / CHARS_PER_TOKEN;
  if (block.type === "image") return IMAGE_TOKENS;
  if (block.type === "tool_use") return JSON.stringify(block.input).length / CHARS_PER_TOKEN;
  if (block.type === "tool_result") return JSON.stringify(block.content ?? "").length / CHARS_PER_TOKEN;
  const pages = block.source.type === "base64" ? Math.ceil(block.source.data.length / PAGE_CHARS) : 1;
  return pages * PAGE_TOKENS;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
