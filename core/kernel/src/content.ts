import { GatewayError, type HistoryBlock, type HistoryMessage, type TurnPlan } from "@claudeway/ports";
import { type ContentBlock, isObject, type TaskRequest, validate } from "@claudeway/schemas";

type TextBlock = Extract<ContentBlock, { readonly type: "text" }>;

/** A prompt as a plan has it: blocks beside their text, so that plugins which know only text see it. */
export function toPrompt(prompt: TaskRequest["prompt"]): Pick<TurnPlan, "prompt" | "content"> {
  return typeof prompt === "string" ? { prompt } : { prompt: textOf(prompt), content: prompt };
}

export function textOf(content: readonly ContentBlock[]): string {
  return content
    .filter(isText)
    .map(({ text }) => text)
    .join("\n");
}

export function isContent(value: unknown): value is readonly ContentBlock[] {
  return Array.isArray(value) && validate("session-turn-request", { prompt: value }).ok;
}

/**
 * Keeps text and blocks of a changed plan the same: who changes the blocks changes the text, and who changes the text
 * alone, without knowing of blocks, replaces the text among them.
 */
export function withSameText(answer: TurnPlan, given: TurnPlan): TurnPlan {
  const { content, prompt } = answer;
  if (content === undefined) return answer;
  if (content !== given.content) return { ...answer, prompt: textOf(content) };
  return prompt === given.prompt ? answer : { ...answer, content: withText(content, prompt) };
}

function withText(content: readonly ContentBlock[], text: string): readonly ContentBlock[] {
  const others = content.filter((block) => !isText(block));
  return text === "" ? others : [...others, { type: "text", text }];
}

function isText(block: ContentBlock): block is TextBlock {
  return isObject(block) && block.type === "text";
}

/** Throws BAD_REQUEST unless it is a message that a conversation can begin with. */
export function checkHistory({ role, content }: HistoryMessage, index: number): void {
  const blocks: readonly HistoryBlock[] = typeof content === "string" ? [] : content;
  const said = blocks.filter(({ type }) => type !== "tool_use");
  const isRead = typeof content === "string" ? content !== "" : said.length === 0 || isContent(said);
  const isOf =
    role === "user"
      ? said.length === blocks.length
      : role === "assistant" && blocks.every((block) => block.type === "text" || isCall(block));
  if (isRead && isOf && content.length > 0 && !blocks.some(isFile)) return;
  throw new GatewayError(
    "BAD_REQUEST",
    `history[${index}] must be a user's text or blocks without files, or the assistant's text and calls`,
  );
}

function isFile(block: HistoryBlock): boolean {
  return (block.type === "image" || block.type === "document") && block.source.type === "file";
}

function isCall(block: HistoryBlock): boolean {
  if (block.type !== "tool_use") return false;
  const { id, name, input } = block;
  return CALL_ID.test(id) && TOOL_NAME.test(name) && isObject(input);
}

const CALL_ID = /^[A-Za-z0-9_-]{1,128}$/;
const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;
