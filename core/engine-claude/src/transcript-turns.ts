import type { FileHandle } from "node:fs/promises";
import type { ConversationTurn } from "@claudeway/ports";
import type { ConversationMessage } from "@claudeway/schemas";
import { blocksOf } from "./message-blocks.js";
import { beginsTurn, chainIdOf, entryOf, mayBePrompt, type TranscriptEntry } from "./transcript-entries.js";
import { linesBetween } from "./transcript-lines.js";

/** The turns of a conversation that can be read; of a longer one these are the latest. */
const MAX_TURNS = 100_000;

/** A turn's place in a transcript. */
export interface TurnPlace {
  readonly prompt: Pick<TranscriptEntry, "uuid" | "at" | "origin" | "forked">;
  readonly start: number;
  readonly end: number;
}

/** How many characters of messages may still be given. */
export interface PageBudget {
  left: number;
}

/** Finds where each turn of a transcript is, in their order, without keeping what they say. */
export async function placesOfTurns(file: FileHandle, size: number): Promise<TurnPlace[]> {
  const begun: { prompt: TurnPlace["prompt"]; start: number }[] = [];
  let current: string | undefined;
  for await (const { start, bytes } of linesBetween(file, 0, size)) {
    const entry = mayBePrompt(bytes) ? entryOf(bytes) : undefined;
    if (entry === undefined || !beginsTurn(entry, current)) continue;
    current = entry.promptId;
    const { uuid, at, origin, forked } = entry;
    begun.push({ prompt: { uuid, at, origin, forked }, start });
    if (begun.length > MAX_TURNS) begun.shift();
  }
  return begun.map((turn, index) => ({ ...turn, end: begun[index + 1]?.start ?? size }));
}

/** Reads the messages of a turn, as many as the budget allows. */
export async function readTurn(
  file: FileHandle,
  { prompt, start, end }: TurnPlace,
  budget: PageBudget,
): Promise<ConversationTurn> {
  const { uuid: promptId, at, origin, forked } = prompt;
  const messages: ConversationMessage[] = [];
  let lastId: string | undefined;
  let truncated = false;
  for await (const { bytes } of linesBetween(file, start, end)) {
    const entry = entryOf(bytes);
    if (entry === undefined) continue;
    const content = blocksOf(entry);
    const cost = JSON.stringify(content).length;
    truncated ||= cost > budget.left;
    if (truncated) break;
    budget.left -= cost;
    const last = messages.at(-1);
    // The CLI writes a message of the model part by part.
    if (last !== undefined && entry.messageId !== undefined && entry.messageId === lastId)
      last.content.push(...content);
    else messages.push(messageOf(entry, content));
    lastId = entry.messageId;
  }
  return { promptId, at, origin, forked, messages, truncated };
}

/** The id of the last entry of a turn's chain: a message of the main agent, or what the CLI attached to one. */
export async function lastUuidIn(file: FileHandle, { start, end }: TurnPlace): Promise<string | undefined> {
  let last: string | undefined;
  for await (const { bytes } of linesBetween(file, start, end)) {
    if (bytes.includes('"parentUuid":')) last = chainIdOf(bytes) ?? last;
  }
  return last;
}

function messageOf(
  { type: role, at, model }: TranscriptEntry,
  content: ConversationMessage["content"],
): ConversationMessage {
  return { role, at, ...(model !== undefined && { model }), content };
}
