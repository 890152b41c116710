import { randomUUID } from "node:crypto";
import type { PluginScope, PluginStore, StoreChange } from "@claudeway/core";
import type { Attachment } from "./messenger.js";

/** A topic, a thread, or a reply chain. */
export interface Conversation {
  readonly sessionId?: string;
  readonly model: string;
  /** What was chosen for the session that begins with the next message. */
  readonly workdir?: string;
}

/** An unanswered message. */
export interface Waiting {
  readonly key: string;
  readonly messageId: string;
  readonly prompt: string;
  /** Files that came with it. */
  readonly attachments?: readonly Attachment[];
  /** How many more files came with it than are read. */
  readonly leftOut?: number;
  /** Each picture of an album is a message; together they are one prompt. */
  readonly album?: string;
  /** Set once its turn was started: it must not be started again. */
  readonly begun?: true;
  readonly turnId?: string;
}

/** A message with buttons. The buttons' data contains the token, which is valid for this message only. */
export interface Card {
  readonly token: string;
  readonly messageId: string;
  /** The conversation that it was shown in. */
  readonly key?: string;
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
export type CardOf<Kind extends Card["subject"]["kind"]> = Card & {
  readonly subject: Extract<Card["subject"], { readonly kind: Kind }>;
};

/** Where to show the later answer of a parked turn. */
export interface ParkedAnswer {
  readonly turnId: string;
  readonly key: string;
  readonly messageId: string;
  /** The message that says what the turn waits for, until it says how that was decided. */
  readonly notice?: ParkedNotice;
}

export interface ParkedNotice {
  readonly messageId: string;
  readonly approvalId: string;
}

export interface StateOptions {
  readonly store: Pick<PluginStore, "get" | "list" | "write">;
  /** Message ids are valid in one chat: each has a state of its own. */
  readonly name: string;
  readonly log: Pick<PluginScope["log"], "error">;
  /** Every conversation is a thread, and messages say which: one link for each is enough. */
  readonly linksAreThreads?: boolean;
  /** Other gateways may take the chat over: writes after that are refused. */
  readonly shared?: boolean;
}

const MAX_CHAINED = 5000;
const MAX_TAKEN = 2000;
const MAX_CARDS = 500;
/** In bytes of JSON; a value of the store has up to 64 KiB. */
const MAX_VALUE = 60_000;
/** Changes of one write, besides the one that names the owner of the chat. */
const MAX_CHANGES = 99;
/** The entry that names the owner of the chat. */
const MINE = "owner";
const REASONS = { conflict: "another gateway has the chat now", full: "the store is full" } as const;

/** An entry of the ledger's store; `n` is its age. */
type Stored<Value> = Value & { readonly n: number };

/** Entries of one kind, oldest first, in memory and in the store. */
class Table<Value extends object> {
  readonly rows = new Map<string, Value>();
  readonly #ages = new Map<string, number>();

  constructor(
    private readonly prefix: string,
    private readonly changed: (id: string, value: object | undefined) => void,
    private readonly next: () => number,
  ) {}

  /** Replaces an entry where it is, or adds it as the newest one. */
  set(id: string, value: Value): void {
    const n = this.#ages.get(id) ?? this.next();
    this.restore(id, value, n);
    this.changed(this.prefix + id, { ...value, n });
  }

  /** Adds an entry that the store has. */
  restore(id: string, value: Value, n: number): void {
    this.rows.set(id, value);
    this.#ages.set(id, n);
  }

  /** Makes an entry the newest one. */
  renew(id: string, value: Value): void {
    this.rows.delete(id);
    this.#ages.delete(id);
    this.set(id, value);
  }

  delete(id: string): void {
    this.#ages.delete(id);
    if (this.rows.delete(id)) this.changed(this.prefix + id, undefined);
  }

  /** Removes the oldest entries beyond `most`; returns them. */
  trim(most: number): [string, Value][] {
    const over = [...this.rows].slice(0, Math.max(0, this.rows.size - most));
    for (const [id] of over) this.delete(id);
    return over;
  }
}

/** State that survives a restart. Changes are in memory at once, and in the ledger when `saved` resolves. */
export class State {
  readonly #changes = new Map<string, object | undefined>();
  #n = 0;
  #writing: Promise<void> | undefined;
  /** The version of the entry that names the owner of the chat; undefined on a single machine. */
  #mine: number | undefined;
  readonly #token = randomUUID();
  readonly #conversations = this.#table<Conversation>("conversation");
  /** Message id and conversation. In a plain chat, it maps a reply to its session. */
  readonly #chain = this.#table<{ readonly key: string }>("chain");
  /** Accepted messages: a messenger may deliver one twice. */
  readonly #taken = this.#table<object>("taken");
  readonly #waiting = this.#table<Waiting>("waiting");
  readonly #cards = this.#table<Card>("card");
  readonly #parked = this.#table<ParkedAnswer>("parked");
  /** The newest message of a conversation. */
  readonly #last = new Map<string, string>();
  readonly #sessions = new Map<string, string>();

  private constructor(private readonly options: StateOptions) {}

  static async open(options: StateOptions): Promise<State> {
    const state = new State(options);
    if (options.shared === true) await state.#takeOver();
    await state.#load();
    return state;
  }

  /** A reply chain or a thread, which is forgotten with its last message; otherwise a topic. */
  isChain(key: string): boolean {
    return key.startsWith("c");
  }

  conversation(key: string): Conversation | undefined {
    return this.#conversations.rows.get(key);
  }

  setConversation(key: string, conversation: Conversation | undefined): void {
    const before = this.conversation(key)?.sessionId;
    if (before !== undefined) this.#sessions.delete(before);
    if (conversation === undefined) this.#conversations.delete(key);
    else this.#conversations.set(key, conversation);
    if (conversation?.sessionId !== undefined) this.#sessions.set(conversation.sessionId, key);
  }

  /** The conversation of this session. */
  keyOfSession(sessionId: string): string | undefined {
    return this.#sessions.get(sessionId);
  }

  chainOf(messageId: string): string | undefined {
    return this.#chain.rows.get(messageId)?.key;
  }

  /** Records the conversation of a message. A chain is forgotten with its last message: no reply can find it then. */
  link(messageId: string, key: string): void {
    const link = this.options.linksAreThreads === true ? key : messageId;
    this.#chain.renew(link, { key });
    this.#last.set(key, link);
    for (const [id, { key: forgotten }] of this.#chain.trim(MAX_CHAINED)) {
      if (this.#last.get(forgotten) !== id) continue;
      this.#last.delete(forgotten);
      if (this.isChain(forgotten)) this.setConversation(forgotten, undefined);
    }
  }

  /** The newest message of a conversation. */
  lastOf(key: string): string | undefined {
    return this.#last.get(key);
  }

  /** False if it was accepted before. */
  accept(messageId: string): boolean {
    if (this.#taken.rows.has(messageId)) return false;
    this.#taken.set(messageId, {});
    this.#taken.trim(MAX_TAKEN);
    return true;
  }

  /** A message could not be accepted after all: it may be delivered again. */
  forget(messageId: string): void {
    this.#taken.delete(messageId);
  }

  /** Whether a message can be stored. */
  fits(waiting: Waiting): boolean {
    return Buffer.byteLength(JSON.stringify(waiting)) <= MAX_VALUE;
  }

  get waiting(): readonly Waiting[] {
    return [...this.#waiting.rows.values()];
  }

  setWaiting(waiting: Waiting): void {
    this.#waiting.set(waiting.messageId, waiting);
  }

  endWaiting(messageId: string): void {
    this.#waiting.delete(messageId);
  }

  get cards(): readonly Card[] {
    return [...this.#cards.rows.values()];
  }

  card(token: string): Card | undefined {
    return this.#cards.rows.get(token);
  }

  cardOf(approvalId: string): Card | undefined {
    return this.cards.find(({ subject }) => subject.kind === "approval" && subject.approvalId === approvalId);
  }

  setCard(card: Card): void {
    this.#cards.set(card.token, card);
    this.#cards.trim(MAX_CARDS);
  }

  endCard(token: string): void {
    this.#cards.delete(token);
  }

  parked(turnId: string): ParkedAnswer | undefined {
    return this.#parked.rows.get(turnId);
  }

  get allParked(): readonly ParkedAnswer[] {
    return [...this.#parked.rows.values()];
  }

  setParked(turnId: string, parked: ParkedAnswer | undefined): void {
    if (parked === undefined) this.#parked.delete(turnId);
    else this.#parked.set(turnId, parked);
  }

  /** Resolves when all changes so far would survive a kill. Errors of the ledger are logged, never thrown. */
  async saved(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #table<Value extends object>(kind: string): Table<Value> {
    return new Table<Value>(
      `${kind}/`,
      (id, value) => this.#changed(`${this.options.name}/${id}`, value),
      () => ++this.#n,
    );
  }

  #changed(key: string, value: object | undefined): void {
    this.#changes.delete(key);
    this.#changes.set(key, value);
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // Simultaneous changes are written together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#changes.size > 0) {
      const batch = [...this.#changes].slice(0, MAX_CHANGES);
      for (const [key] of batch) this.#changes.delete(key);
      await this.#write(
        batch.map(([key, value]) => (value === undefined ? { key, delete: true } : { key, value })),
      );
    }
    this.#writing = undefined;
  }

  /** From now on, a gateway that had the chat before can't write to its state. */
  async #takeOver(): Promise<void> {
    const result = await this.options.store.write([{ key: this.#mineKey, value: this.#token }]);
    // Without the entry, it would write beside the next one that leads.
    if (!result.ok) throw new Error(`cannot take over the bot's state: ${REASONS[result.reason]}`);
    this.#mine = result.versions[0];
  }

  get #mineKey(): string {
    return `${this.options.name}/${MINE}`;
  }

  /** The changes, and that the chat is still this gateway's. */
  #claimed(changes: readonly StoreChange[]): readonly StoreChange[] {
    if (this.#mine === undefined) return changes;
    return [{ key: this.#mineKey, value: this.#token, expected: this.#mine }, ...changes];
  }

  /** An earlier write whose outcome was unknown may have raised the version. True if the chat is still this gateway's. */
  async #isMine(): Promise<boolean> {
    const entry = await this.options.store.get(this.#mineKey);
    if (entry?.value !== this.#token) return false;
    this.#mine = entry.version;
    return true;
  }

  async #write(changes: readonly StoreChange[]): Promise<void> {
    const { store, log } = this.options;
    try {
      let result = await store.write(this.#claimed(changes));
      if (!result.ok && result.reason === "conflict" && (await this.#isMine()))
        result = await store.write(this.#claimed(changes));
      if (!result.ok) log.error(`cannot store the bot's state: ${REASONS[result.reason]}`);
      else if (this.#mine !== undefined) this.#mine = result.versions[0];
    } catch (error) {
      log.error({ err: error }, "cannot store the bot's state; changes will be lost at a restart");
    }
  }

  async #load(): Promise<void> {
    const { store, name } = this.options;
    const found: { readonly kind: string; readonly id: string; readonly value: Stored<object> }[] = [];
    let after: string | undefined;
    do {
      const page = await store.list(`${name}/`, after === undefined ? {} : { after });
      for (const { key, value } of page.entries) {
        const [kind = "", ...id] = key.slice(name.length + 1).split("/");
        if (isStored(value)) found.push({ kind, id: id.join("/"), value });
      }
      after = page.next;
    } while (after !== undefined);
    found.sort((one, other) => one.value.n - other.value.n);
    for (const { kind, id, value } of found) this.#restore(kind, id, value);
    this.#n = found.at(-1)?.value.n ?? 0;
  }

  #restore(kind: string, id: string, value: Stored<object>): void {
    const { n } = value;
    if (kind === "conversation" && isConversation(value)) {
      this.#conversations.restore(id, value, n);
      if (value.sessionId !== undefined) this.#sessions.set(value.sessionId, id);
    } else if (kind === "chain" && "key" in value && typeof value.key === "string") {
      this.#chain.restore(id, { key: value.key }, n);
      this.#last.set(value.key, id);
    } else if (kind === "taken") this.#taken.restore(id, {}, n);
    else if (kind === "waiting" && isWaiting(value)) this.#waiting.restore(id, value, n);
    else if (kind === "card" && isCard(value)) this.#cards.restore(id, value, n);
    else if (kind === "parked" && isParked(value)) this.#parked.restore(id, value, n);
  }
}

// The entries are this plugin's own; the checks only leave out those of another version.

function isStored(value: unknown): value is Stored<object> {
  return typeof value === "object" && value !== null && "n" in value && typeof value.n === "number";
}

function isConversation(value: object): value is Conversation {
  return "model" in value && typeof value.model === "string";
}

function isWaiting(value: object): value is Waiting {
  return "key" in value && "messageId" in value && "prompt" in value && typeof value.prompt === "string";
}

function isCard(value: object): value is Card {
  return "token" in value && "messageId" in value && "subject" in value && typeof value.subject === "object";
}

function isParked(value: object): value is ParkedAnswer {
  return "turnId" in value && "key" in value && "messageId" in value;
}
