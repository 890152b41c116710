import type { PluginStore } from "@claudeway/core";
import { EntryTable } from "./entry-table.js";
import {
  type Card,
  type Conversation,
  isCard,
  isConversation,
  isParked,
  isWaiting,
  type ParkedAnswer,
  type Waiting,
} from "./state-entries.js";
import { StateWriter, type StateWriterOptions } from "./state-writer.js";

export interface StateOptions extends StateWriterOptions {
  readonly store: Pick<PluginStore, "get" | "list" | "write">;
  /** Every conversation is a thread, and messages say which: one link for each is enough. */
  readonly linksAreThreads?: boolean;
  /** Other gateways may take the chat over: writes after that are refused. */
  readonly shared?: boolean;
}

const MAX_CHAINED = 5000;
const MAX_TAKEN = 2000;
const MAX_CARDS = 500;
const MAX_EARLIER = 5;
/** In bytes of JSON; a value of the store has up to 64 KiB. */
const MAX_VALUE = 60_000;

/** An entry of the ledger's store; `n` is its age. */
type Stored<Value> = Value & { readonly n: number };

/** State that survives a restart. Changes are in memory at once, and in the ledger when `saved` resolves. */
export class State {
  readonly #writer: StateWriter;
  #n = 0;
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

  private constructor(private readonly options: StateOptions) {
    this.#writer = new StateWriter(options);
  }

  static async open(options: StateOptions): Promise<State> {
    const state = new State(options);
    if (options.shared === true) await state.#writer.takeOver();
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

  /** The sessions of the conversation stay known, for their turns that still run, until it is forgotten. */
  setConversation(key: string, conversation: Omit<Conversation, "earlier"> | undefined): void {
    const before = this.sessionsOf(key);
    for (const id of before) this.#sessions.delete(id);
    if (conversation === undefined) return void this.#conversations.delete(key);
    const earlier = before.filter((id) => id !== conversation.sessionId).slice(-MAX_EARLIER);
    this.#conversations.set(key, { ...conversation, ...(earlier.length > 0 && { earlier }) });
    for (const id of this.sessionsOf(key)) this.#sessions.set(id, key);
  }

  /** Its session, and those before it, oldest first. */
  sessionsOf(key: string): readonly string[] {
    const { earlier = [], sessionId } = this.conversation(key) ?? {};
    return sessionId === undefined ? earlier : [...earlier, sessionId];
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
    // A turn waits for an approval, and for no denied call.
    this.#cards.trim(MAX_CARDS, ({ subject }) => subject.kind === "denials");
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

  /**
   * Resolves when all changes so far would survive a kill; to false if some can't be stored now. Errors of the ledger are
   * logged, never thrown.
   */
  saved(): Promise<boolean> {
    return this.#writer.saved();
  }

  #table<Value extends object>(kind: string): EntryTable<Value> {
    return new EntryTable<Value>(
      `${kind}/`,
      (id, value) => this.#writer.change(id, value),
      () => ++this.#n,
    );
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
      for (const session of this.sessionsOf(id)) this.#sessions.set(session, id);
    } else if (kind === "chain" && "key" in value && typeof value.key === "string") {
      this.#chain.restore(id, { key: value.key }, n);
      this.#last.set(value.key, id);
    } else if (kind === "taken") this.#taken.restore(id, {}, n);
    else if (kind === "waiting" && isWaiting(value)) this.#waiting.restore(id, value, n);
    else if (kind === "card" && isCard(value)) this.#cards.restore(id, value, n);
    else if (kind === "parked" && isParked(value)) this.#parked.restore(id, value, n);
  }
}

function isStored(value: unknown): value is Stored<object> {
  return typeof value === "object" && value !== null && "n" in value && typeof value.n === "number";
}
