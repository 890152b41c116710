import { createHash } from "node:crypto";
import type { HistoryBlock } from "@claudeway/core";
import { callParts, resultParts } from "./call-history.js";
import type { ChatMessage } from "./chat-message.js";
import { invalid } from "./fields.js";
import { withoutReasoning } from "./reasoning.js";

/** Put before a history that begins with the assistant's message: the model API accepts none that does. */
export const BEGINNING = "(The conversation begins.)";

/**
 * Joins neighbours of one role, removes reasoning from answers, and leaves out what is then empty.
 * @param param the field that they are from
 */
export function toChat(messages: readonly ChatMessage[], param = "messages"): ChatMessage[] {
  const chat: { role: ChatMessage["role"]; content: HistoryBlock[] }[] = [];
  for (const { role, content } of messages) {
    const blocks = content.flatMap((block) => answerBlock(role, block)).filter(isFilled);
    if (blocks.length === 0) continue;
    if (chat.length === 0 && role === "assistant")
      chat.push({ role: "user", content: [{ type: "text", text: BEGINNING }] });
    const last = chat.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else chat.push({ role, content: blocks });
  }
  return chat.map(({ role, content }) => ({ role, content: withinLimit(content, param) }));
}

/** How many blocks a message may have. */
const MAX_BLOCKS = 100;

/** Joins neighbouring texts of a message with too many blocks. */
function withinLimit(content: readonly HistoryBlock[], param: string): readonly HistoryBlock[] {
  if (content.length <= MAX_BLOCKS) return content;
  const joined: HistoryBlock[] = [];
  for (const block of content) {
    const last = joined.at(-1);
    if (last?.type === "text" && block.type === "text")
      joined.splice(-1, 1, { type: "text", text: `${last.text}\n\n${block.text}` });
    else joined.push(block);
  }
  if (joined.length <= MAX_BLOCKS) return joined;
  throw invalid(param, `must have at most ${MAX_BLOCKS} parts in a message, got ${joined.length}`);
}

/** Some front ends send back a part of the reasoning of an answer. */
function answerBlock(role: ChatMessage["role"], block: HistoryBlock): HistoryBlock {
  if (role === "user" || block.type !== "text") return block;
  return { type: "text", text: withoutReasoning(block.text) };
}

function isFilled(block: HistoryBlock): boolean {
  return block.type !== "text" || block.text.trim() !== "";
}

/** What tells apart conversations with the same messages. */
export interface ChatScope {
  readonly keyId: string;
  /** Whether Claude works as an agent in it, or only answers. */
  readonly agent: boolean;
  readonly system: string | undefined;
  /** The client's own id of the conversation. */
  readonly conversationId: string | undefined;
}

/** A digest of a conversation without messages. */
function scopeHash({ keyId, agent, system, conversationId }: ChatScope): string {
  return digest([keyId, agent, system?.trim() ?? null, conversationId ?? null]);
}

/**
 * A digest of a conversation and one more message. White space at the end of texts does not count: clients trim it.
 * A text of the assistant counts as one, however many blocks it has.
 */
export function chainHash(before: string, { role, content }: ChatMessage): string {
  const parts = content.flatMap((block) => (block.type === "tool_use" ? [] : [partOf(block)]));
  const calls = content.flatMap((block) => (block.type === "tool_use" ? [callParts(block)] : []));
  const said = role === "assistant" ? parts.join("\n").trimEnd() : parts;
  return digest(calls.length === 0 ? [before, role, said] : [before, role, said, calls]);
}

function partOf(block: Exclude<HistoryBlock, { readonly type: "tool_use" }>): unknown {
  if (block.type === "text") return block.text.trimEnd();
  return block.type === "tool_result" ? resultParts(block) : block.source;
}

export function historyHash(scope: ChatScope, messages: readonly ChatMessage[]): string {
  return messages.reduce(chainHash, scopeHash(scope));
}

/** 128 bits: nobody gains from a collision that costs 2^64 requests with a key's own histories. */
function digest(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("base64url").slice(0, 22);
}
