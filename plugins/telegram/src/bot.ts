import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import {
  type ChatService,
  type Command,
  type Incoming,
  isCommand,
  OncePer,
  type Person,
  type Say,
  type State,
  type TextKey,
} from "@claudeway/messenger";
import { Telegraf } from "telegraf";
import type { CallbackQuery, Message, Update, User, UserFromGetMe } from "telegraf/types";
import type { BotApi } from "./api.js";
import { attachmentOf } from "./attachments.js";
import type { Chat } from "./chat.js";
import type { TelegramConfig } from "./config.js";
import { keyOf, repliedTo } from "./places.js";

export interface BotOptions {
  readonly config: TelegramConfig;
  readonly api: BotApi;
  readonly chat: Chat;
  readonly state: State;
  readonly say: Say;
  readonly service: ChatService;
  readonly scope: Pick<PluginScope, "log" | "notice" | "signal">;
}

/** Telegram's author of messages by anonymous group admins. */
const ANONYMOUS_ADMIN = 1087968824;
/** Milliseconds between two replies, and log lines, for the same unknown chat, user or album. */
const ANSWER_EVERY_MS = 600_000;
/** How often a message is handled whose handling fails, and the milliseconds in between: the next ones wait. */
const MAX_TRIES = 3;
const RETRY_MS = 1000;

/** Incoming updates. Accepts only the configured chat and allowed users. */
export class Bot {
  readonly #telegraf: Telegraf;
  readonly #answered = new OncePer(ANSWER_EVERY_MS);

  constructor(private readonly options: BotOptions) {
    this.#telegraf = new Telegraf(options.config.bot_token, {
      telegram: { apiRoot: options.config.api_root, webhookReply: false },
    });
    this.#telegraf.on("message", (context) => this.#message(context.message));
    this.#telegraf.on("callback_query", (context) => this.#press(context.callbackQuery));
    // An uncaught error here would set the process's exit code.
    this.#telegraf.catch((error) => {
      throw error;
    });
  }

  /** Resolves when the update needs no redelivery; the work that it started continues. */
  async handle(update: Update, me: UserFromGetMe): Promise<void> {
    this.#telegraf.botInfo = me;
    await this.#telegraf.handleUpdate(update);
  }

  async #message(message: Message): Promise<void> {
    const { state, service, chat } = this.options;
    if (!this.#isHere(message.chat.id)) return this.#turnAwayChat(message);
    if ("migrate_to_chat_id" in message) return this.#sayMoved(message.migrate_to_chat_id);
    if (isService(message) || isChannelPost(message)) return;
    const { from } = message;
    const messageId = String(message.message_id);
    if (from === undefined || !this.#mayUse(from)) return this.#turnAwayUser(message);
    // Delivered twice, or again after a restart.
    if (!state.accept(messageId)) return;
    chat.forum = "is_forum" in message.chat && message.chat.is_forum === true;
    const key = keyOf(message, (answered) => state.chainOf(answered));
    const attachment = attachmentOf(message);
    const text = textOf(message).trim();
    const isText = "text" in message && text !== "";
    const refusal = attachment === undefined ? "textOnly" : service.refusalOf(attachment.mediaType);
    if (!isText && refusal !== undefined) return this.#sayUnreadable(message, key, refusal);
    const command = parseCommand(text);
    const me = this.#telegraf.botInfo?.username.toLowerCase();
    if (command?.bot !== undefined && command.bot.toLowerCase() !== me) return;
    await this.#receive({
      key,
      messageId,
      from: this.#personOf(from),
      // The CLI does not understand "/compact@the_bot".
      text: command?.bot === undefined ? text : text.replace(`@${command.bot}`, ""),
      attachments: attachment === undefined ? [] : [attachment],
      album: "media_group_id" in message ? message.media_group_id : undefined,
      replyTo: repliedTo(message),
      command: command !== undefined && isCommand(command.name) ? command : undefined,
    });
  }

  /** Has an accepted message handled. It is not accepted while nothing of it is kept: after a restart, it is delivered again. */
  async #receive(incoming: Incoming): Promise<void> {
    const { state, service, scope } = this.options;
    const { key, messageId } = incoming;
    for (let tries = 1; ; tries++) {
      try {
        return await service.receive(incoming);
      } catch (error) {
        state.forget(messageId);
        if (scope.signal.aborted) return;
        scope.log.error({ err: error }, "could not receive a message");
        if (tries === MAX_TRIES) return service.failed(key, messageId, error);
      }
      await sleep(RETRY_MS, undefined, { signal: scope.signal }).catch(() => undefined);
      if (scope.signal.aborted || !state.accept(messageId)) return;
    }
  }

  #press(press: CallbackQuery): void {
    const { service, api, say, scope } = this.options;
    const { message, id, from } = press;
    const here = message !== undefined && this.#isHere(message.chat.id);
    if (here && this.#mayUse(from)) {
      const data = "data" in press ? press.data : "";
      service.press({ id, from: this.#personOf(from), messageId: String(message.message_id), data });
      return;
    }
    scope.log.warn(
      { chat_id: message?.chat.id, user_id: from.id },
      "refused a button press by an unknown user",
    );
    const text = say(here ? "notForYou" : "otherChat");
    service.run("refusing a button press", () =>
      api.call("answerCallbackQuery", { callback_query_id: id, text }),
    );
  }

  #personOf({ first_name, last_name, username, id }: User): Person {
    const name = [first_name, last_name].filter(Boolean).join(" ").trim().slice(0, 64) || String(id);
    return {
      id: String(id),
      name: username === undefined ? name : `${name} (@${username})`,
      from: `chat ${this.options.config.chat_id}, user ${id}`,
    };
  }

  #isHere(chatId: number): boolean {
    return String(chatId) === this.options.config.chat_id;
  }

  #mayUse({ id, is_bot }: User): boolean {
    const { allowed_users: allowed } = this.options.config;
    return allowed === undefined ? !is_bot || id === ANONYMOUS_ADMIN : allowed.includes(id);
  }

  #turnAwayChat(message: Message): void {
    if (isService(message) || !this.#answered.isTime(`chat ${message.chat.id}`)) return;
    this.options.scope.log.warn(
      { chat_id: message.chat.id, user_id: message.from?.id },
      "refused a message from another chat; not logged again for ten minutes",
    );
    this.#reply(message, "otherChat");
  }

  #turnAwayUser(message: Message): void {
    const anonymous = message.from?.id === ANONYMOUS_ADMIN;
    if (message.from?.is_bot === true && !anonymous) return;
    if (!this.#answered.isTime(`user ${message.from?.id}`)) return;
    this.options.scope.log.warn(
      { user_id: message.from?.id },
      "refused a message by a user who is not in allowed_users; not logged again for ten minutes",
    );
    this.#reply(message, anonymous ? "anonymous" : "notForYou");
  }

  #sayMoved(chatId: number): void {
    const line = `telegram: the group has become a supergroup: set chat_id = "${chatId}"`;
    this.options.scope.log.warn(line);
    this.options.scope.notice(line);
  }

  /** Each picture of an album is a message. */
  #sayUnreadable(message: Message, key: string, why: TextKey): void {
    const album = "media_group_id" in message ? message.media_group_id : undefined;
    if (album !== undefined && !this.#answered.isTime(`album ${album}`)) return;
    this.options.service.note(key, String(message.message_id), why);
  }

  #reply(message: Message, text: "otherChat" | "notForYou" | "anonymous"): void {
    const { api, say, service } = this.options;
    const reply = { message_id: message.message_id, allow_sending_without_reply: true };
    service.run("turning somebody away", () =>
      api.call("sendMessage", { chat_id: message.chat.id, text: say(text), reply_parameters: reply }),
    );
  }
}

/** A command as written in the chat, and the bot that it names, if any. */
function parseCommand(text: string): (Command & { readonly bot: string | undefined }) | undefined {
  const [, name, bot, argument = ""] = /^\/([A-Za-z]\w*)(?:@(\w+))?(?:\s+([\s\S]*))?$/.exec(text) ?? [];
  return name === undefined ? undefined : { name: name.toLowerCase(), bot, argument: argument.trim() };
}

/** The text of a message, or what is written below its photo. */
function textOf(message: Message): string {
  if ("text" in message) return message.text;
  return "caption" in message ? (message.caption ?? "") : "";
}

/** Kinds of messages made by a person; Telegram makes all others. */
const WRITTEN = [
  "text",
  "photo",
  "voice",
  "audio",
  "video",
  "video_note",
  "document",
  "sticker",
  "animation",
  "location",
  "contact",
  "poll",
  "dice",
];

/** Telegram forwards posts of a linked channel to its group by itself: they are not addressed to the bot. */
function isChannelPost(message: Message): boolean {
  return "is_automatic_forward" in message && message.is_automatic_forward === true;
}

function isService(message: Message): boolean {
  return !WRITTEN.some((kind) => kind in message);
}
