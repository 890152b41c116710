import { randomBytes } from "node:crypto";
import type { PluginScope } from "@claudeway/core";
import { codeOf, reasonOf, unlessRejected } from "./failures.js";
import type { Message, Messenger, Press } from "./messenger.js";
import type { State } from "./state.js";
import type { Card } from "./state-entries.js";
import type { Say } from "./texts.js";

export interface BoardOptions {
  readonly messenger: Messenger;
  readonly state: State;
  readonly say: Say;
  /** The conversation for cards of sessions whose own one is closed to the bot. */
  readonly homeKey: string | undefined;
  readonly scope: Pick<PluginScope, "log">;
}

/** Messages with buttons, shared by both kinds of decisions. */
export class Board {
  /** Work on a card runs in order, so that a decision never precedes its question. */
  readonly #lines = new Map<string, Promise<void>>();
  /** Cards that are being posted, by token. */
  readonly #posting = new Map<string, Promise<void>>();

  constructor(private readonly options: BoardOptions) {}

  /** Shows a card in a conversation, and stores it. */
  async post(card: Card, key: string, message: Message): Promise<void> {
    const stored = this.#post(card, key, message).finally(() => this.#posting.delete(card.token));
    this.#posting.set(card.token, stored);
    await stored;
  }

  /**
   * Resolves when a card that people may see is stored too, or all such cards: they may press, and decide elsewhere, before
   * the messenger has answered.
   */
  async posted(token?: string): Promise<void> {
    const posting = token === undefined ? [...this.#posting.values()] : [this.#posting.get(token)];
    await Promise.allSettled(posting);
  }

  async #post(card: Card, key: string, message: Message): Promise<void> {
    const { messenger, state, homeKey } = this.options;
    const shown = await this.#sendTo(key, message).catch((error: unknown) => {
      if (homeKey === undefined || homeKey === key || messenger.isClosed?.(key, error) !== true) throw error;
      return this.#sendTo(homeKey, message);
    });
    state.setCard({ ...card, ...shown });
    if (state.isChain(shown.key)) state.link(shown.messageId, shown.key);
    await state.saved();
  }

  async #sendTo(key: string, message: Message): Promise<Required<Pick<Card, "key" | "messageId">>> {
    const { messenger, state } = this.options;
    const place = { key, replyTo: state.isChain(key) ? state.lastOf(key) : undefined };
    return { key, messageId: await messenger.send(place, message) };
  }

  /** Shows the decision on the message, then forgets the card, also if the messenger refuses that. */
  async settle(card: Card, { spans }: Message): Promise<void> {
    const { messenger, state, scope } = this.options;
    state.setCard(card);
    await unlessRejected(scope, messenger.edit(card.messageId, { spans }));
    state.endCard(card.token);
    await state.saved();
  }

  /** Refuses a button press. */
  refuse(press: Press, text: "staleButton" | "alreadyDecided"): Promise<void> {
    const { id, name } = press.from;
    this.options.scope.log.warn({ user_id: id, user: name }, `refused a button press: ${text}`);
    return this.say(press, text);
  }

  /** Says why a decision did not count. */
  failed(by: Press, error: unknown): Promise<void> {
    if (codeOf(error) === undefined) this.options.scope.log.warn({ err: error }, "could not decide");
    return this.say(by, "notAllowed", { reason: reasonOf(error) });
  }

  /** Shows a short notice to the person who pressed a button. A written answer that counts needs none. */
  async say(by: Press, text: Parameters<Say>[0], values?: Parameters<Say>[1]): Promise<void> {
    const { messenger, say } = this.options;
    if (by.id !== undefined) await messenger.answerPress(by, say(text, values), text).catch(() => undefined);
    else if (text !== "pressed") by.reply?.(say(text, values));
  }

  /** Runs work of one card in sequence. Settles as the work does. */
  inOrder(line: string, work: () => Promise<void>): Promise<void> {
    const before = this.#lines.get(line) ?? Promise.resolve();
    const done = before.then(work, work);
    const settled = done
      .catch(() => undefined)
      .finally(() => {
        if (this.#lines.get(line) === settled) this.#lines.delete(line);
      });
    this.#lines.set(line, settled);
    return done;
  }
}

export function newToken(): string {
  return randomBytes(12).toString("base64url");
}
