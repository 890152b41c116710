import { createHash } from "node:crypto";
import type { ContentBlock, HistoryBlock, ResultBlock, ToolUseBlock } from "@claudeway/core";
import type { ChatMessage } from "./chat-message.js";
import { type Fields, invalid } from "./fields.js";

export type ToolResult = Extract<ContentBlock, { readonly type: "tool_result" }>;

const NO_RESULT = "There is no result of this call.";
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** A call in an answer of the history, whoever made it. The model API accepts only some ids and names. */
export function calledBefore(id: string, name: string, input: Fields): ToolUseBlock {
  return {
    type: "tool_use",
    id: callId(id),
    name: name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64) || "_",
    input,
  };
}

export function resultOf(id: string, content: string | ResultBlock[], isError = false): ToolResult {
  return { type: "tool_result", tool_use_id: callId(id), content, ...(isError && { is_error: true }) };
}

/** The result of a call, from texts and images; a single text becomes a string. `at` names the field in errors. */
export function resultOfBlocks(
  id: string,
  blocks: readonly HistoryBlock[],
  at: string,
  isError = false,
): ToolResult {
  const [first = { type: "text", text: "" }] = blocks;
  if (blocks.length <= 1 && first.type === "text") return resultOf(id, first.text, isError);
  return resultOf(
    id,
    blocks.map((block) => resultPart(block, at)),
    isError,
  );
}

function resultPart(block: HistoryBlock, at: string): ResultBlock {
  if (block.type === "text") return block;
  if (block.type === "image" && block.source.type !== "file") return { type: "image", source: block.source };
  throw invalid(at, "must be text or images in the result of a tool");
}

function callId(id: string): string {
  return ID.test(id) ? id : `call_${createHash("sha256").update(id).digest("hex").slice(0, 32)}`;
}

/**
 * The chat with calls as the model API wants them, if the model has tools: each has a result in the next message, before other
 * content. Otherwise, and for results without a call, they become text.
 */
export function withCalls(chat: readonly ChatMessage[], hasTools: boolean): ChatMessage[] {
  return chat.map(({ role, content }, index) => {
    if (!hasTools) return { role, content: content.flatMap(asText) };
    return role === "assistant" ? { role, content } : { role, content: paired(chat[index - 1], content) };
  });
}

function paired(before: ChatMessage | undefined, content: readonly HistoryBlock[]): HistoryBlock[] {
  const calls = (before?.content ?? []).flatMap((block) => (block.type === "tool_use" ? [block.id] : []));
  const isAnswer = (block: HistoryBlock): block is ToolResult =>
    block.type === "tool_result" && calls.includes(block.tool_use_id);
  const results = new Map(content.filter(isAnswer).map((block) => [block.tool_use_id, block]));
  const missing = calls.filter((id) => !results.has(id)).map((id) => resultOf(id, NO_RESULT, true));
  const others = content.filter((block) => !isAnswer(block)).flatMap(asText);
  return [...results.values(), ...missing, ...others];
}

function asText(block: HistoryBlock): HistoryBlock[] {
  if (block.type === "tool_use")
    return [{ type: "text", text: `Call of ${block.name}: ${JSON.stringify(block.input)}` }];
  if (block.type !== "tool_result") return [block];
  const { content = "" } = block;
  if (typeof content === "string") return [{ type: "text", text: `Result of the call: ${content}` }];
  const parts = content.filter((part) => part.type !== "text" || part.text !== "");
  return [{ type: "text", text: "Result of the call:" }, ...parts];
}

/** What is compared of a call. The order of its input's fields does not count. */
export function callParts({ id, name, input }: ToolUseBlock): unknown {
  return [id, name, sorted(input)];
}

/** The same of a result. */
export function resultParts({ tool_use_id: id, content = "", is_error = false }: ToolResult): unknown {
  const parts: readonly ResultBlock[] =
    typeof content === "string" ? [{ type: "text", text: content }] : content;
  return [id, is_error, parts.map((part) => (part.type === "text" ? part.text.trimEnd() : part.source))];
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]): [string, unknown] => [name, sorted(inner)]);
  return entries.sort(([one], [other]) => (one < other ? -1 : 1));
}
