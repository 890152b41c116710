import { type FileHandle, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { claudeFolder } from "@claudeway/core/host";
import type {
  ConversationFork,
  ConversationPage,
  ConversationRef,
  Conversations,
  ConversationTurn,
  ForkRequest,
  HistoryMessage,
  PageQuery,
  PromptText,
} from "@claudeway/ports";
import type { Logger } from "pino";
import { forkTranscript } from "./fork-transcript.js";
import { seedTranscript } from "./seed-transcript.js";
import type { SharedConversations } from "./shared-conversations.js";
import { Transcript } from "./transcript.js";
import { entryOf, mayBePrompt, type TranscriptEntry } from "./transcript-entries.js";
import { openTranscript } from "./transcript-files.js";
import { linesBetween } from "./transcript-lines.js";
import { lastUuidIn, type PageBudget, placesOfTurns, readTurn } from "./transcript-turns.js";

/** What a page may hold, in characters of JSON. */
const PAGE_CHARS = 4 * 1024 * 1024;
/** Of a prompt by itself, in characters. */
const PROMPT_CHARS = 200_000;

/** Conversations in the CLI's transcripts. The file is read, never kept; what a page holds is bounded. */
export class TranscriptConversations implements Conversations {
  /** @param marker of the gateway, with which what a killed one left is found */
  constructor(
    private readonly log: Logger,
    private readonly marker: string,
    private readonly shared?: SharedConversations,
  ) {}

  async read(
    conversation: ConversationRef,
    query: PageQuery,
  ): Promise<ConversationPage | "missing" | "unreadable"> {
    return this.#withTranscript(conversation, (file) => pageOf(file, query));
  }

  async outline(
    conversation: ConversationRef,
  ): Promise<readonly ConversationTurn[] | "missing" | "unreadable"> {
    return this.#withTranscript(conversation, async (file) => {
      const places = await placesOfTurns(file, (await file.stat()).size);
      return places.map(({ prompt: { uuid: promptId, ...prompt } }) => {
        return { promptId, ...prompt, messages: [], truncated: false };
      });
    });
  }

  async fork(conversation: ConversationRef, { promptId, cwdOf }: ForkRequest): Promise<ConversationFork> {
    const last = await this.#withTranscript(conversation, (file) => lastMessageOf(file, promptId));
    if (last === undefined) return "no such turn";
    if (last === "missing" || last === "unreadable") return last;
    try {
      const fork = await this.#withTranscript(conversation, (file) =>
        forkTranscript(conversation, file, last, cwdOf, this.marker),
      );
      return fork;
    } catch (error) {
      this.log.warn({ err: error, session: conversation.session }, "a conversation could not be copied");
      return "unreadable";
    }
  }

  async create(
    conversation: ConversationRef,
    messages: readonly HistoryMessage[],
  ): Promise<"created" | "unreadable"> {
    try {
      await seedTranscript(conversation, messages);
      return "created";
    } catch (error) {
      this.log.warn({ err: error, session: conversation.session }, "a conversation could not be written");
      return "unreadable";
    }
  }

  async discard(conversation: ConversationRef): Promise<void> {
    const path = await pathOfTranscript(conversation);
    if (path !== undefined) await rm(path, { force: true });
  }

  async save({ session, spawn }: ConversationRef): Promise<void> {
    await this.shared?.save(session, spawn);
  }

  async prompts(
    conversation: ConversationRef,
    ids: ReadonlySet<string>,
  ): Promise<ReadonlyMap<string, PromptText>> {
    const found = await this.#withTranscript(conversation, (file) => promptsIn(file, ids));
    return typeof found === "string" ? new Map() : found;
  }

  async #withTranscript<T>(
    conversation: ConversationRef,
    use: (file: FileHandle) => Promise<T>,
  ): Promise<T | "missing" | "unreadable"> {
    // Another node may have had the conversation last.
    const { session, spawn, of } = conversation;
    await this.shared?.prepare(session, spawn, "read", of);
    const file = await tryOpen(conversation);
    if (typeof file === "string") return file;
    try {
      return await use(file);
    } finally {
      await file.close();
    }
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

/** The last message of a turn, or of the whole conversation; undefined if there is no such turn. */
async function lastMessageOf(file: FileHandle, promptId: string | undefined): Promise<string | undefined> {
  const places = await placesOfTurns(file, (await file.stat()).size);
  const place =
    promptId === undefined ? places.at(-1) : places.find(({ prompt }) => prompt.uuid === promptId);
  return place && lastUuidIn(file, place);
}

async function tryOpen(conversation: ConversationRef): Promise<FileHandle | "missing" | "unreadable"> {
  const path = await pathOfTranscript(conversation);
  if (path === undefined) return "missing";
  try {
    return (await openTranscript(path, conversation.spawn.env)) ?? "unreadable";
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return isMissing ? "missing" : "unreadable";
  }
}

/** Where the conversation's transcript is, wherever the CLI has put it; undefined if there is none. */
async function pathOfTranscript({ session, spawn }: ConversationRef): Promise<string | undefined> {
  const { path } = new Transcript(session, spawn);
  if (await isThere(path)) return path;
  const projects = join(claudeFolder(spawn.env), "projects");
  for (const project of await namesIn(projects)) {
    const other = join(projects, project, `${session}.jsonl`);
    if (await isThere(other)) return other;
  }
  return undefined;
}

/** Whether a file is there, also one in a folder that may not be entered. */
async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
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
