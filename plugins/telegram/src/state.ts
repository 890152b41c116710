import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { PluginScope } from "@claudeway/core";
import type { Attachment } from "./attachments.js";
import { isChain } from "./places.js";

/** A topic, or a reply chain. */
export interface Conversation {
  readonly sessionId?: string;
  readonly model: string;
}

/** An unanswered message. */
export interface Waiting {
  readonly key: string;
  readonly messageId: number;
  readonly prompt: string;
  /** Photos and documents that came with it. */
  readonly attachments?: readonly Attachment[];
  /** Telegram sends each picture of an album as a message; together they are one prompt. */
  readonly album?: string;
  /** Set once its turn was started: it must not be started again. */
  readonly begun?: true;
  readonly turnId?: string;
}

/** A message with buttons. The buttons' data contains the token, which is valid for this message only. */
export interface Keyboard {
  readonly token: string;
  readonly messageId: number;
  readonly subject:
    | {
        readonly kind: "approval";
        readonly approvalId: string;
        /** For questions: the answers so far, by question. */
        readonly answered?: readonly string[];
        /** The ticked options of the open question. */
        readonly ticked?: readonly string[];
      }
    | {
        readonly kind: "denials";
        readonly keyId: string;
        readonly sessionId: string;
        readonly turnId: string;
        readonly toolUseIds: readonly string[];
      };
  /** Set from the decision until the message shows it. */
  readonly verdict?: string;
}

/** A message with buttons of one kind. */
export type KeyboardOf<Kind extends Keyboard["subject"]["kind"]> = Keyboard & {
  readonly subject: Extract<Keyboard["subject"], { readonly kind: Kind }>;
};

/** Where to show the later answer of a parked turn. */
export interface ParkedAnswer {
  readonly turnId: string;
  readonly key: string;
  readonly messageId: number;
}

interface Remembered {
  conversations: Record<string, Conversation>;
  /** Message id and conversation, oldest first. In a plain chat, it maps a reply to its session. */
  chain: (readonly [number, string])[];
  /** Accepted messages, oldest first: Telegram may deliver one twice. */
  taken: number[];
  waiting: Waiting[];
  keyboards: Keyboard[];
  parked: ParkedAnswer[];
}

const MAX_CHAINED = 5000;
const MAX_TAKEN = 2000;
const MAX_KEYBOARDS = 500;

/** State that survives a restart. Changes are in memory at once, and on disk when `saved` resolves. */
export class State {
  readonly #file: string;
  #remembered: Remembered;
  #writing: Promise<void> | undefined;
  #dirty = false;

  private constructor(
    folder: string,
    chatId: string,
    private readonly log: PluginScope["log"],
  ) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Message and topic ids are valid in their own chat only.
    this.#file = join(folder, `chat${chatId}.json`);
    this.#remembered = this.#read();
  }

  static open(folder: string, chatId: string, log: PluginScope["log"]): State {
    return new State(folder, chatId, log);
  }

  conversation(key: string): Conversation | undefined {
    return this.#remembered.conversations[key];
  }

  setConversation(key: string, conversation: Conversation | undefined): void {
    if (conversation === undefined) delete this.#remembered.conversations[key];
    else this.#remembered.conversations[key] = conversation;
    this.#changed();
  }

  /** The conversation of this session. */
  keyOfSession(sessionId: string): string | undefined {
    const entries = Object.entries(this.#remembered.conversations);
    return entries.find(([, conversation]) => conversation.sessionId === sessionId)?.[0];
  }

  chainOf(messageId: number): string | undefined {
    return this.#remembered.chain.findLast(([id]) => id === messageId)?.[1];
  }

  /** Records the conversation of a message. A reply chain is forgotten with its last message: no reply can find it then. */
  link(messageId: number, key: string): void {
    const { chain, conversations } = this.#remembered;
    chain.push([messageId, key]);
    for (const [, forgotten] of chain.splice(0, chain.length - MAX_CHAINED)) {
      if (isChain(forgotten) && this.lastOf(forgotten) === undefined) delete conversations[forgotten];
    }
    this.#changed();
  }

  /** The newest message of a conversation. */
  lastOf(key: string): number | undefined {
    return this.#remembered.chain.findLast(([, of]) => of === key)?.[0];
  }

  /** False if it was accepted before. */
  accept(messageId: number): boolean {
    const { taken } = this.#remembered;
    if (taken.includes(messageId)) return false;
    taken.push(messageId);
    taken.splice(0, taken.length - MAX_TAKEN);
    this.#changed();
    return true;
  }

  get waiting(): readonly Waiting[] {
    return this.#remembered.waiting;
  }

  setWaiting(waiting: Waiting): void {
    const { waiting: all } = this.#remembered;
    const index = all.findIndex(({ messageId }) => messageId === waiting.messageId);
    if (index === -1) all.push(waiting);
    else all[index] = waiting;
    this.#changed();
  }

  endWaiting(messageId: number): void {
    this.#remembered.waiting = this.#remembered.waiting.filter((one) => one.messageId !== messageId);
    this.#changed();
  }

  get keyboards(): readonly Keyboard[] {
    return this.#remembered.keyboards;
  }

  keyboard(token: string): Keyboard | undefined {
    return this.#remembered.keyboards.find((one) => one.token === token);
  }

  keyboardOf(approvalId: string): Keyboard | undefined {
    return this.#remembered.keyboards.find(
      ({ subject }) => subject.kind === "approval" && subject.approvalId === approvalId,
    );
  }

  setKeyboard(keyboard: Keyboard): void {
    const { keyboards } = this.#remembered;
    const index = keyboards.findIndex(({ token }) => token === keyboard.token);
    if (index === -1) keyboards.push(keyboard);
    else keyboards[index] = keyboard;
    keyboards.splice(0, keyboards.length - MAX_KEYBOARDS);
    this.#changed();
  }

  endKeyboard(token: string): void {
    this.#remembered.keyboards = this.#remembered.keyboards.filter((one) => one.token !== token);
    this.#changed();
  }

  parked(turnId: string): ParkedAnswer | undefined {
    return this.#remembered.parked.find((one) => one.turnId === turnId);
  }

  get allParked(): readonly ParkedAnswer[] {
    return this.#remembered.parked;
  }

  setParked(turnId: string, parked: ParkedAnswer | undefined): void {
    const others = this.#remembered.parked.filter((one) => one.turnId !== turnId);
    this.#remembered.parked = parked === undefined ? others : [...others, parked];
    this.#changed();
  }

  /** Resolves when all changes so far would survive a kill. Disk errors are logged, never thrown. */
  async saved(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #changed(): void {
    this.#dirty = true;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Simultaneous changes are written together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#dirty) {
      this.#dirty = false;
      await this.#write().catch((error: unknown) => {
        this.log.error({ err: error }, "cannot write the bot's state; changes will be lost at a restart");
      });
    }
    this.#writing = undefined;
  }

  async #write(): Promise<void> {
    const next = `${this.#file}.next`;
    const file = await open(next, "w", 0o600);
    try {
      await file.writeFile(JSON.stringify({ version: 1, ...this.#remembered }));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(next, this.#file);
  }

  #read(): Remembered {
    const empty: Remembered = {
      conversations: {},
      chain: [],
      taken: [],
      waiting: [],
      keyboards: [],
      parked: [],
    };
    try {
      const parsed: unknown = JSON.parse(readFileSync(this.#file, "utf8"));
      return isRemembered(parsed) ? parsed : this.#setAside(empty);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return empty;
      return this.#setAside(empty);
    }
  }

  #setAside(empty: Remembered): Remembered {
    this.log.error(
      `cannot read ${this.#file}; renamed it to ${this.#file}.broken and started with empty state`,
    );
    try {
      renameSync(this.#file, `${this.#file}.broken`);
    } catch {
      // Then the next write replaces it: an unreadable file has nothing to save.
    }
    return empty;
  }
}

/** Written atomically by this plugin; the check only detects a file of another version. */
function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== "object" || value === null || !("version" in value) || value.version !== 1)
    return false;
  if (!("conversations" in value) || typeof value.conversations !== "object") return false;
  const lists = ["chain", "taken", "waiting", "keyboards", "parked"] as const;
  return lists.every((name) => Array.isArray(Object.entries(value).find(([key]) => key === name)?.[1]));
}
