import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { claudeFolder } from "@claudeway/core/host";
import type {
  ConversationPage,
  ConversationRef,
  Conversations,
  PageQuery,
  PromptText,
} from "@claudeway/core/ports";
import { Transcript } from "./transcript.js";
import { entryOf, mayBePrompt, type TranscriptEntry } from "./transcript-entries.js";
import { linesBetween } from "./transcript-lines.js";
import { type PageBudget, placesOfTurns, readTurn } from "./transcript-turns.js";

/** What a page may hold, in characters of JSON. */
const PAGE_CHARS = 4 * 1024 * 1024;
/** Of a prompt by itself, in characters. */
const PROMPT_CHARS = 200_000;

/** Conversations in the CLI's transcripts. The file is read, never kept; what a page holds is bounded. */
export class TranscriptConversations implements Conversations {
  async read(
    conversation: ConversationRef,
    query: PageQuery,
  ): Promise<ConversationPage | "missing" | "unreadable"> {
    return withTranscript(conversation, (file) => pageOf(file, query));
  }

  async prompts(
    conversation: ConversationRef,
    ids: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, PromptText>> {
    const found = await withTranscript(conversation, (file) => promptsIn(file, ids));
    return typeof found === "string" ? new Map() : found;
  }
}

async function withTranscript<T>(
  conversation: ConversationRef,
  use: (file: FileHandle) => Promise<T>,
): Promise<T | "missing" | "unreadable"> {
  const file = await openTranscript(conversation);
  if (typeof file === "string") return file;
  try {
    return (await file.stat()).isFile() ? await use(file) : "unreadable";
  } finally {
    await file.close();
  }
}

async function promptsIn(file: FileHandle, ids: ReadonlySet<string>): Promise<Map<string, PromptText>> {
  const found = new Map<string, PromptText>();
  for await (const { bytes } of linesBetween(file, 0, (await file.stat()).size)) {
    const entry = mayBePrompt(bytes) ? entryOf(bytes) : undefined;
    if (entry === undefined || !ids.has(entry.uuid)) continue;
    const text = textOf(entry.content);
    found.set(entry.uuid, { text: text.slice(0, PROMPT_CHARS), chars: text.length });
  }
  return found;
}

/** The text of a prompt; images and documents are named. */
function textOf(content: TranscriptEntry["content"]): string {
  if (typeof content === "string") return content;
  return content.map(({ type, text }) => (type === "text" ? String(text) : `[${String(type)}]`)).join("\n");
}

async function pageOf(file: FileHandle, { page, limit }: PageQuery): Promise<ConversationPage> {
  const places = await placesOfTurns(file, (await file.stat()).size);
  const budget: PageBudget = { left: PAGE_CHARS };
  const turns = [];
  for (const place of places.toReversed().slice((page - 1) * limit, page * limit))
    turns.push(await readTurn(file, place, budget));
  return { turns, total: places.length };
}

/** Opens the conversation's transcript, wherever the CLI has put it. */
async function openTranscript(conversation: ConversationRef): Promise<FileHandle | "missing" | "unreadable"> {
  const first = await tryOpen(new Transcript(conversation.session, conversation.spawn).path);
  if (first !== "missing") return first;
  const projects = join(claudeFolder(conversation.spawn.env), "projects");
  for (const project of await namesIn(projects)) {
    const found = await tryOpen(join(projects, project, `${conversation.session}.jsonl`));
    if (typeof found !== "string") return found;
  }
  return "missing";
}

async function tryOpen(path: string): Promise<FileHandle | "missing" | "unreadable"> {
  try {
    return await open(path);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return isMissing ? "missing" : "unreadable";
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    // No conversation is there.
    return [];
  }
}
