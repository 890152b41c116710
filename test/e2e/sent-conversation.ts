import { isObject } from "@claudeway/schemas";

/** What the CLI adds to the messages of a conversation by itself. */
const ADDED = [/^<system-reminder>[\s\S]*<\/system-reminder>\s*$/, /^\[Image: source: [^\]]*\]$/];

/** A message: its role, then its texts, and the types of its other blocks. */
export type SentMessage = readonly string[];

/**
 * The conversation in the body of a request to the model API, without what the CLI adds to it: neighbours of one role are
 * one message, as the model reads them.
 */
export function conversationIn(body: string): SentMessage[] {
  const { messages = [] }: { messages?: { role: string; content: unknown }[] } = JSON.parse(body);
  const said: string[][] = [];
  for (const { role, content } of messages) {
    if (role === "system") continue;
    const texts = partsOf(content).filter((text) => !ADDED.some((pattern) => pattern.test(text)));
    if (texts.length === 0) continue;
    if (said.at(-1)?.[0] === role) said.at(-1)?.push(...texts);
    else said.push([role, ...texts]);
  }
  return said;
}

function partsOf(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content
    .filter(isObject)
    .map((block) => (block["type"] === "text" ? String(block["text"]) : String(block["type"])));
}

export interface SentBlocks {
  readonly role: string;
  readonly content: readonly Readonly<Record<string, unknown>>[];
}

/** The same with whole blocks, without marks for caches. */
export function sentMessages(body: string): SentBlocks[] {
  const { messages = [] }: { messages?: { role: string; content: unknown }[] } = JSON.parse(body);
  const said: { role: string; content: Record<string, unknown>[] }[] = [];
  for (const { role, content } of messages) {
    if (role === "system") continue;
    const blocks = blocksOf(content).filter(
      ({ type, text }) => type !== "text" || !ADDED.some((pattern) => pattern.test(String(text))),
    );
    if (blocks.length === 0) continue;
    if (said.at(-1)?.role === role) said.at(-1)?.content.push(...blocks);
    else said.push({ role, content: blocks });
  }
  return said;
}

function blocksOf(content: unknown): Record<string, unknown>[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).map(({ cache_control: _mark, ...block }) => block);
}
