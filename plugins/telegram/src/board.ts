import { randomBytes } from "node:crypto";
import type { PluginScope } from "@claudeway/core";
import type { CallbackQuery, User } from "telegraf/types";
import type { Card } from "./cards.js";
import type { Chat } from "./chat.js";
import { isChain, placeOf } from "./places.js";
import type { Keyboard, State } from "./state.js";
import type { Say } from "./texts.js";

export interface BoardOptions {
  readonly chat: Chat;
  readonly state: State;
  readonly say: Say;
  readonly scope: Pick<PluginScope, "log">;
}

/** Who decides; `id` is the id of the button press, if there was one. */
export interface Press {
  readonly id?: string;
  readonly from: User;
}

/** Messages with buttons, shared by both kinds of decisions. */
export class Board {
  /** Work on a card runs in order, so that a decision never precedes its question. */
  readonly #lines = new Map<string, Promise<void>>();

  constructor(private readonly options: BoardOptions) {}

  /** Shows a card in a conversation, and stores it. */
  async post(keyboard: Keyboard, key: string, { html, keyboard: buttons }: Card): Promise<void> {
    const { chat, state } = this.options;
    const place = placeOf(key, isChain(key) ? state.lastOf(key) : undefined);
    const messageId = await chat.send(html, place, { keyboard: buttons });
    state.setKeyboard({ ...keyboard, messageId });
    if (isChain(key)) state.link(messageId, key);
    await state.saved();
  }

  /** Shows the decision on the message, then forgets the card. */
  async settle(keyboard: Keyboard, { html }: Card): Promise<void> {
    const { chat, state } = this.options;
    state.setKeyboard(keyboard);
    await chat.edit(keyboard.messageId, html);
    state.endKeyboard(keyboard.token);
    await state.saved();
  }

  /** Refuses a button press. */
  refuse(press: CallbackQuery, text: "staleButton" | "alreadyDecided"): Promise<void> {
    const { id, username } = press.from;
    this.options.scope.log.warn({ user_id: id, username }, `refused a button press: ${text}`);
    return this.say(press, text);
  }

  /** Shows a short notice to the person who pressed a button. */
  async say(by: Press, text: Parameters<Say>[0], values?: Parameters<Say>[1]): Promise<void> {
    if (by.id !== undefined) await this.options.chat.answerPress(by.id, this.options.say(text, values));
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

/** A person's name as shown in the chat. */
export function nameOf({ first_name, last_name, username, id }: User): string {
  const name = [first_name, last_name].filter(Boolean).join(" ").trim().slice(0, 64) || String(id);
  return username === undefined ? name : `${name} (@${username})`;
}

export function newToken(): string {
  return randomBytes(12).toString("base64url");
}
