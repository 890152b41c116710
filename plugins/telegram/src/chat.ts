import type { PluginScope } from "@claudeway/core";
import {
  type Attachment,
  type Buttons,
  type Message,
  type Messenger,
  MessengerFailure,
  type NewPlace,
  type Place,
  type Press,
  type Say,
  type SendOptions,
} from "@claudeway/messenger";
import type { InlineKeyboardMarkup } from "telegraf/types";
import type { BotApi } from "./api.js";
import { MAX_FILE } from "./attachments.js";
import { SIZES, toHtml } from "./html.js";
import { chainKey, threadOf, topicKey } from "./places.js";
import { isObject } from "./shapes.js";

/** The one chat that the bot serves. */
export class Chat implements Messenger {
  readonly name = "telegram";
  readonly commandPrefix = "/";
  readonly intro = "helpTopics";
  readonly sizes = SIZES;
  readonly answersInThread = false;
  /** Whether it has topics. */
  forum = false;
  #withdrawNotice: (() => void) | undefined;

  constructor(
    private readonly api: BotApi,
    readonly id: string,
    private readonly scope: Pick<PluginScope, "log" | "notice">,
  ) {}

  get pausedMs(): number {
    return this.api.pausedMs;
  }

  send(place: Place, { spans, buttons }: Message, options: SendOptions = {}): Promise<string> {
    const { silent = false, patience = "persist" } = options;
    const html = toHtml(spans);
    const payload = {
      chat_id: this.id,
      disable_notification: silent,
      link_preview_options: { is_disabled: true },
      ...(buttons === undefined ? {} : { reply_markup: keyboardOf(buttons) }),
    };
    return this.#deliver(place, async (where) => {
      const send = (text: { readonly text: string; readonly parse_mode?: "HTML" }) =>
        this.api.ask("sendMessage", { ...payload, ...where, ...text }, isMessage, { patience });
      try {
        return await send({ text: html, parse_mode: "HTML" });
      } catch (error) {
        if (!isParseError(error)) throw error;
        return await send({ text: textOf(spans) });
      }
    });
  }

  async edit(
    messageId: string,
    { spans, buttons = [] }: Message,
    { patience = "persist" }: SendOptions = {},
  ): Promise<boolean> {
    const payload = {
      chat_id: this.id,
      message_id: Number(messageId),
      link_preview_options: { is_disabled: true },
      reply_markup: keyboardOf(buttons),
    };
    const edit = (text: { readonly text: string; readonly parse_mode?: "HTML" }) =>
      this.api.call("editMessageText", { ...payload, ...text }, { patience });
    try {
      await edit({ text: toHtml(spans), parse_mode: "HTML" });
      return true;
    } catch (error) {
      if (!(error instanceof MessengerFailure) || error.kind !== "rejected") throw error;
      if (error.message.includes("not modified")) return true;
      if (!isParseError(error)) return false;
      await edit({ text: textOf(spans) });
      return true;
    }
  }

  sendFile(place: Place, name: string, content: Buffer, caption: string): Promise<string> {
    const document = { source: content, filename: name };
    const options = this.api.forUpload(content.length);
    return this.#deliver(place, (where) =>
      this.api.ask("sendDocument", { chat_id: this.id, document, caption, ...where }, isMessage, options),
    );
  }

  async delete(messageId: string): Promise<void> {
    await this.api.call("deleteMessage", { chat_id: this.id, message_id: Number(messageId) });
  }

  fetch({ ref }: Attachment, maxBytes: number): Promise<Buffer> {
    return this.api.download(ref, Math.min(maxBytes, MAX_FILE));
  }

  /** Telegram forgets presses soon. */
  async answerPress({ id = "" }: Press, text: string): Promise<void> {
    await this.api.call("answerCallbackQuery", { callback_query_id: id, text: text.slice(0, 200) });
  }

  /** In General: a new topic. In a topic: a new session there. In a plain chat: a new reply chain. */
  async newPlace(key: string, messageId: string, model: string, say: Say): Promise<NewPlace> {
    if (!this.forum) return { key: chainKey(messageId), text: "newInChat" };
    if (key !== topicKey(undefined)) return { key, text: "newInTopic" };
    const name = say("newTopic", { model, time: new Date().toISOString().slice(5, 16).replace("T", " ") });
    try {
      return { key: topicKey(await this.#createTopic(name)), text: "newInTopic", name };
    } catch (error) {
      this.scope.log.warn({ err: error }, "could not create a topic; the session is in General");
      return { key, text: "newInTopic" };
    }
  }

  async typing(key: string): Promise<void> {
    const thread = threadOf(key);
    const where = thread === undefined ? {} : { message_thread_id: thread };
    await this.api.call("sendChatAction", { chat_id: this.id, action: "typing", ...where });
  }

  async closed(key: string): Promise<void> {
    const thread = threadOf(key);
    if (!this.forum || thread === undefined) return;
    await this.api.call("closeForumTopic", { chat_id: this.id, message_thread_id: thread });
  }

  /** Resolves to the topic's id. */
  async #createTopic(name: string): Promise<number> {
    const payload = { chat_id: this.id, name: name.slice(0, 128) };
    const topic = await this.api.ask("createForumTopic", payload, isTopic);
    return topic.message_thread_id;
  }

  /** Messages for a closed or deleted topic are sent to General: a question must reach somebody. */
  async #deliver(place: Place, send: (where: Where) => Promise<SentMessage>): Promise<string> {
    const thread = threadOf(place.key);
    try {
      const sent = await send(whereOf(place)).catch((error: unknown) => {
        if (thread === undefined || !isTopicGone(error)) throw error;
        this.scope.log.info(`topic ${thread} is closed or deleted; its messages are sent to General`);
        return send({});
      });
      this.#withdrawNotice?.();
      this.#withdrawNotice = undefined;
      return String(sent.message_id);
    } catch (error) {
      if (error instanceof MessengerFailure && error.kind === "rejected") this.#say(error.message);
      throw error;
    }
  }

  /** Shown in the plugin list until a message succeeds: the bot may be removed or muted, or its group moved. */
  #say(reason: string): void {
    this.#withdrawNotice?.();
    this.#withdrawNotice = this.scope.notice(`telegram: chat ${this.id} refused a message: ${reason}`);
  }
}

interface SentMessage {
  readonly message_id: number;
}

interface Where {
  readonly message_thread_id?: number;
  readonly reply_parameters?: { readonly message_id: number; readonly allow_sending_without_reply: true };
}

function whereOf({ key, replyTo }: Place): Where {
  const thread = threadOf(key);
  return {
    ...(thread === undefined ? {} : { message_thread_id: thread }),
    ...(replyTo === undefined
      ? {}
      : { reply_parameters: { message_id: Number(replyTo), allow_sending_without_reply: true } }),
  };
}

function isMessage(result: unknown): result is SentMessage {
  return isObject(result) && "message_id" in result && typeof result.message_id === "number";
}

function isTopic(result: unknown): result is { readonly message_thread_id: number } {
  return isObject(result) && "message_thread_id" in result && typeof result.message_thread_id === "number";
}

function isTopicGone(error: unknown): boolean {
  return (
    error instanceof MessengerFailure && /thread not found|TOPIC_(?:CLOSED|DELETED)/i.test(error.message)
  );
}

function isParseError(error: unknown): boolean {
  return error instanceof MessengerFailure && error.message.includes("can't parse entities");
}

function textOf(spans: Message["spans"]): string {
  return spans.map(({ text }) => text).join("");
}

function keyboardOf(buttons: Buttons): InlineKeyboardMarkup {
  return {
    inline_keyboard: buttons.map((row) =>
      row.map(({ label, data }) => ({ text: label, callback_data: data })),
    ),
  };
}
