import { randomUUID } from "node:crypto";
import type { SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import type { EngineTurn, MentionedFile, TurnPlan } from "@claudeway/ports";
import type { ContentBlock } from "@claudeway/schemas";
import { resultsOf } from "./call-results.js";
import { withoutMentions, wordOf } from "./slash-commands.js";
import { GO_ON } from "./transcript-entries.js";

type MessageId = NonNullable<SDKUserMessage["uuid"]>;

/** A prompt, with an id that the CLI repeats in its messages. */
export type PromptMessage = SDKUserMessage & { readonly uuid: MessageId };

type PromptTurn = Pick<EngineTurn, "info" | "plan" | "approvalMode" | "mentions" | "promptSent">;

/** What a process says about a prompt before it gets it. */
export interface PromptChecks {
  /** Whether the CLI has this slash command, and it only concerns its own session. Never rejects. */
  hasCommand(word: string): Promise<boolean>;
  /** Whether the CLI's own rules let it read the file unasked. Never rejects. */
  mayRead(path: string): Promise<boolean>;
}

/**
 * A turn's prompt as the CLI gets it. With the bypass on, the CLI itself
 * finds commands and mentioned files in it. Otherwise only a command that the CLI lists is sent as one, and everything
 * else as it is written: the CLI would read a mentioned file without asking.
 */
export async function promptMessage(turn: PromptTurn, checks: PromptChecks): Promise<PromptMessage> {
  if (turn.promptSent === true) return goOnMessage();
  const { info, plan, approvalMode, mentions = [] } = turn;
  const { verbatim } = plan;
  const uuid = messageIdOf(info);
  // What comes with results of calls is no command.
  if (resultsOf(plan).length > 0) return messageOf(plan, uuid, true);
  if (verbatim || approvalMode === "bypass") return messageOf(plan, uuid, verbatim);
  const files = await blocksOf(mentions, checks);
  const word = commandIn(plan);
  if (word !== undefined && (await checks.hasCommand(word))) {
    return messageOf(withFiles(plan, files, withoutMentions), uuid, false);
  }
  return messageOf(files.length === 0 ? plan : withFiles(plan, files, (text) => text), uuid, true);
}

/** The message for a turn that was stopped while its prompt was checked. */
export function verbatimMessage({ info, plan, promptSent }: PromptTurn): PromptMessage {
  if (promptSent === true) return goOnMessage();
  return messageOf(plan, messageIdOf(info), true);
}

/**
 * Has the CLI go on with a prompt that the conversation has, and that was answered in part or not at all. It has an id of
 * its own: the CLI ignores a message with an id that the conversation has already.
 */
function goOnMessage(): PromptMessage {
  return messageOf({ prompt: GO_ON }, randomUUID(), true);
}

/** The id of the turn's prompt in the CLI's transcript: the turn's own, so that it is found there again. */
function messageIdOf({ id }: EngineTurn["info"]): MessageId {
  return isMessageId(id) ? id : randomUUID();
}

function isMessageId(id: string): id is MessageId {
  return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
}

async function blocksOf(mentions: readonly MentionedFile[], checks: PromptChecks): Promise<ContentBlock[]> {
  const blocks: ContentBlock[] = [];
  for (const { path, blocks: file } of mentions) if (await checks.mayRead(path)) blocks.push(...file);
  return blocks;
}

/** The CLI looks for a command in the last block only. */
function commandIn({ prompt, content }: TurnPlan): string | undefined {
  const last = content === undefined ? { type: "text" as const, text: prompt } : content.at(-1);
  return last?.type === "text" ? wordOf(last.text) : undefined;
}

/** The files go first, since a command must be last. */
function withFiles(
  { prompt, content = [{ type: "text", text: prompt }] }: TurnPlan,
  files: readonly ContentBlock[],
  change: (text: string) => string,
): Pick<TurnPlan, "prompt" | "content"> {
  const changed = content.map((block) =>
    block.type === "text" ? { ...block, text: change(block.text) } : block,
  );
  return { prompt, content: [...files, ...changed] };
}

function messageOf(
  { prompt, content }: Pick<TurnPlan, "prompt" | "content">,
  uuid: MessageId,
  composed: boolean,
): PromptMessage {
  return {
    type: "user",
    uuid,
    message: { role: "user", content: content?.map(toSdkBlock) ?? prompt },
    parent_tool_use_id: null,
    ...(composed ? { client_composed: true } : {}),
  };
}

/** A prompt's blocks as the CLI has them in its transcript. */
export function promptContent({ content = [] }: Pick<TurnPlan, "content">): readonly SdkBlock[] {
  return content.map(toSdkBlock);
}

type SdkBlock = Exclude<SDKUserMessage["message"]["content"], string>[number];

function toSdkBlock(block: ContentBlock): SdkBlock {
  switch (block.type) {
    case "text":
      return { type: "text", text: block.text };
    case "image":
      return { type: "image", source: readSource(block.source) };
    case "document":
      return { type: "document", source: readSource(block.source) };
    case "tool_result":
      return {
        type: "tool_result",
        tool_use_id: block.tool_use_id,
        ...(block.content !== undefined && { content: structuredClone(block.content) }),
        ...(block.is_error === true && { is_error: true }),
      };
  }
}

function readSource<Source extends { readonly type: string }>(
  source: Source,
): Exclude<Source, { readonly type: "file" }> {
  if (isRead(source)) return source;
  throw new Error("a file of a prompt must be read before it is sent");
}

function isRead<Source extends { readonly type: string }>(
  source: Source,
): source is Exclude<Source, { readonly type: "file" }> {
  return source.type !== "file";
}
