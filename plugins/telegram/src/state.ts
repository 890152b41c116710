import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import type { PluginScope } from "@claudeway/core";
import { isChain } from "./places.js";

/** A topic, or a chain of replies. */
export interface Conversation {
  readonly sessionId?: string;
  readonly model: string;
}

/** A message that is still to be answered. */
export interface Waiting {
  readonly key: string;
  readonly messageId: number;
  readonly prompt: string;
  /** Set once its turn was asked for: it must not be asked for again. */
  readonly begun?: true;
  readonly turnId?: string;
}

/** A message of ours with buttons. The token is in the buttons' data; only this very message may use it. */
export interface Keyboard {
  readonly token: string;
  readonly messageId: number;
  readonly subject:
    | {
        readonly kind: "approval";
        readonly approvalId: string;
        /** Of a question: what was answered so far, question by question. */
        readonly answered?: readonly string[];
        /** And what is ticked of the one that is being answered. */
        readonly ticked?: readonly string[];
      }
    | {
        readonly kind: "denials";
        readonly keyId: string;
        readonly sessionId: string;
        readonly turnId: string;
        readonly toolUseIds: readonly string[];
      };
  /** Set from the decision on, until the message says it. */
  readonly verdict?: string;
}

/** A message with buttons of one kind. */
export type KeyboardOf<Kind extends Keyboard["subject"]["kind"]> = Keyboard & {
  readonly subject: Extract<Keyboard["subject"], { readonly kind: Kind }>;
};

/** Where a turn's later answer belongs: it was parked. */
export interface ParkedAnswer {
  readonly turnId: string;
  readonly key: string;
  readonly messageId: number;
}

interface Remembered {
  conversations: Record<string, Conversation>;
  /** Message id and conversation, oldest first; in a plain chat a reply finds its session by it. */
  chain: (readonly [number, string])[];
  /** Messages that were taken, oldest first: Telegram may deliver one twice. */
  taken: number[];
  waiting: Waiting[];
  keyboards: Keyboard[];
  parked: ParkedAnswer[];
}

const MAX_CHAINED = 5000;
const MAX_TAKEN = 2000;
const MAX_KEYBOARDS = 500;

/** What the bot must still know after a restart. Changes are in memory at once, on disk when `saved` resolves. */
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
    // Message and topic ids mean something in their own chat only.
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

  /** The conversation that has this session. */
  keyOfSession(sessionId: string): string | undefined {
    const entries = Object.entries(this.#remembered.conversations);
    return entries.find(([, conversation]) => conversation.sessionId === sessionId)?.[0];
  }

  chainOf(messageId: number): string | undefined {
    return this.#remembered.chain.findLast(([id]) => id === messageId)?.[1];
  }

  /** Notes where a message belongs. A chain of replies is forgotten with its last message: no reply finds it any more. */
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

  /** False: it was taken before. */
  take(messageId: number): boolean {
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

  /** Resolves when everything so far would survive a kill. A disk that fails is logged, never thrown. */
  async saved(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #changed(): void {
    this.#dirty = true;
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Changes that come together are written together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#dirty) {
      this.#dirty = false;
      await this.#write().catch((error: unknown) => {
        this.log.error(
          { err: error },
          "what the bot remembers can't be written; after a restart it knows less",
        );
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
      `${this.#file} can't be read; it is kept as ${this.#file}.broken, and the bot begins anew`,
    );
    try {
      renameSync(this.#file, `${this.#file}.broken`);
    } catch {
      // Then the next write goes over it: there is nothing in it to be saved.
    }
    return empty;
  }
}

/** The file is ours and written whole or not at all; this tells it from another version's. */
function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== "object" || value === null || !("version" in value) || value.version !== 1)
    return false;
  if (!("conversations" in value) || typeof value.conversations !== "object") return false;
  const lists = ["chain", "taken", "waiting", "keyboards", "parked"] as const;
  return lists.every((name) => Array.isArray(Object.entries(value).find(([key]) => key === name)?.[1]));
}
