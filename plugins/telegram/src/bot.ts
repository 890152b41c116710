import type { PluginScope } from "@claudeway/core";
import { Telegraf } from "telegraf";
import type { CallbackQuery, Message, Update, User, UserFromGetMe } from "telegraf/types";
import type { BotApi } from "./api.js";
import type { ApprovalButtons } from "./approval-buttons.js";
import { attachmentOf } from "./attachments.js";
import type { Buttons } from "./buttons.js";
import { type Commands, parseCommand } from "./commands.js";
import type { TelegramConfig } from "./config.js";
import type { Conversations } from "./conversations.js";
import { keyOf } from "./places.js";
import type { State } from "./state.js";
import type { Say } from "./texts.js";

export interface BotOptions {
  readonly config: TelegramConfig;
  readonly api: BotApi;
  readonly state: State;
  readonly say: Say;
  readonly conversations: Conversations;
  readonly commands: Commands;
  readonly buttons: Pick<Buttons, "pressed">;
  readonly approvals: Pick<ApprovalButtons, "answeredByText">;
  readonly scope: Pick<PluginScope, "log" | "notice" | "signal">;
}

/** Telegram's author of messages by anonymous group admins. */
const ANONYMOUS_ADMIN = 1087968824;
/** Milliseconds between two replies, and log lines, for the same unknown chat, user or album. */
const ANSWER_EVERY_MS = 600_000;
const MAX_ANSWERED = 1000;

/** Incoming updates. Accepts only the configured chat and allowed users. */
export class Bot {
  readonly #telegraf: Telegraf;
  /** When each sender was last answered, so that a stranger cannot flood the chat or the log. */
  readonly #answered = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();

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

  /** Resolves when all of its work has ended. Call it after the plugin's signal was aborted. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #message(message: Message): Promise<void> {
    const { state, conversations, commands, approvals } = this.options;
    if (!this.#isHere(message.chat.id)) return this.#turnAwayChat(message);
    if ("migrate_to_chat_id" in message) return this.#sayMoved(message.migrate_to_chat_id);
    if (isService(message) || isChannelPost(message)) return;
    const { from, message_id: id } = message;
    if (from === undefined || !this.#mayUse(from)) return this.#turnAwayUser(message);
    // Delivered twice, or again after a restart.
    if (!state.accept(id)) return;
    const key = keyOf(message, (answered) => state.chainOf(answered));
    const attachment = attachmentOf(message);
    const text = textOf(message).trim();
    if (attachment === undefined && !("text" in message && text !== ""))
      return this.#sayTextOnly(message, key);
    const command = parseCommand(text);
    const me = this.#telegraf.botInfo?.username.toLowerCase();
    if (command?.bot !== undefined && command.bot.toLowerCase() !== me) return;
    if (command !== undefined && isCommand(command.name)) {
      const forum = "is_forum" in message.chat && message.chat.is_forum === true;
      return this.#inBackground(async () => void (await commands.run(command, key, id, forum)));
    }
    const answered = "reply_to_message" in message ? message.reply_to_message?.message_id : undefined;
    if (answered !== undefined && text !== "" && (await approvals.answeredByText(answered, text, from)))
      return;
    // The CLI does not understand "/compact@the_bot".
    const prompt = command?.bot === undefined ? text : text.replace(`@${command.bot}`, "");
    const album = "media_group_id" in message ? message.media_group_id : undefined;
    await conversations.accept({
      key,
      messageId: id,
      prompt,
      ...(attachment !== undefined && { attachments: [attachment] }),
      ...(album !== undefined && { album }),
    });
  }

  async #press(press: CallbackQuery): Promise<void> {
    const { buttons, api, say, scope } = this.options;
    const chatId = press.message?.chat.id;
    const here = chatId !== undefined && this.#isHere(chatId);
    if (here && this.#mayUse(press.from)) return this.#inBackground(() => buttons.pressed(press));
    scope.log.warn({ chat_id: chatId, user_id: press.from.id }, "refused a button press by an unknown user");
    const text = say(here ? "notForYou" : "otherChat");
    this.#inBackground(async () => {
      await api.call("answerCallbackQuery", { callback_query_id: press.id, text });
    });
  }

  #isHere(chatId: number): boolean {
    return String(chatId) === this.options.config.chat_id;
  }

  #mayUse({ id, is_bot }: User): boolean {
    const { allowed_users: allowed } = this.options.config;
    return allowed === undefined ? !is_bot || id === ANONYMOUS_ADMIN : allowed.includes(id);
  }

  #turnAwayChat(message: Message): void {
    if (isService(message) || !this.#isTime(`chat ${message.chat.id}`)) return;
    this.options.scope.log.warn(
      { chat_id: message.chat.id, user_id: message.from?.id },
      "refused a message from another chat; not logged again for ten minutes",
    );
    this.#reply(message, "otherChat");
  }

  #turnAwayUser(message: Message): void {
    const anonymous = message.from?.id === ANONYMOUS_ADMIN;
    if (message.from?.is_bot === true && !anonymous) return;
    if (!this.#isTime(`user ${message.from?.id}`)) return;
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
  #sayTextOnly(message: Message, key: string): void {
    const album = "media_group_id" in message ? message.media_group_id : undefined;
    if (album !== undefined && !this.#isTime(`album ${album}`)) return;
    this.#inBackground(() => this.options.conversations.note(key, message.message_id, "textOnly"));
  }

  #reply(message: Message, text: "otherChat" | "notForYou" | "anonymous"): void {
    const { api, say } = this.options;
    this.#inBackground(async () => {
      const reply = { message_id: message.message_id, allow_sending_without_reply: true };
      await api.call("sendMessage", { chat_id: message.chat.id, text: say(text), reply_parameters: reply });
    });
  }

  #isTime(whom: string): boolean {
    const now = Date.now();
    const last = this.#answered.get(whom);
    if (last !== undefined && now - last < ANSWER_EVERY_MS) return false;
    if (this.#answered.size >= MAX_ANSWERED) this.#answered.clear();
    this.#answered.set(whom, now);
    return true;
  }

  /** Runs work while polling continues. */
  #inBackground(work: () => Promise<void>): void {
    const run = work()
      .catch((error: unknown) => {
        const { scope } = this.options;
        if (!scope.signal.aborted) scope.log.warn({ err: error }, "a request from the chat failed");
      })
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }
}

/** The text of a message, or what is written below its photo. */
function textOf(message: Message): string {
  if ("text" in message) return message.text;
  return "caption" in message ? (message.caption ?? "") : "";
}

const COMMANDS: readonly string[] = ["new", "stop", "status", "close", "help", "start"];

function isCommand(name: string): boolean {
  return COMMANDS.includes(name);
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
