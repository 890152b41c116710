import type { InlineKeyboardMarkup } from "telegraf/types";
import { ApiFailure, type BotApi, type CallOptions } from "./api.js";

/** Where in the chat something belongs. */
export interface Place {
  /** Id of the topic; undefined: General, or a chat without topics. */
  readonly thread?: number | undefined;
  /** The message that it answers. */
  readonly replyTo?: number | undefined;
}

export interface MessageOptions extends Pick<CallOptions, "patience"> {
  readonly keyboard?: InlineKeyboardMarkup | undefined;
  readonly silent?: boolean;
}

const NO_KEYBOARD: InlineKeyboardMarkup = { inline_keyboard: [] };

/** The one chat that the bot serves. */
export class Chat {
  constructor(
    private readonly api: BotApi,
    readonly id: string,
  ) {}

  get pausedMs(): number {
    return this.api.pausedMs;
  }

  /** Sends Telegram HTML; resolves to the message's id. */
  async send(html: string, { thread, replyTo }: Place, options: MessageOptions = {}): Promise<number> {
    const { keyboard, silent = false, patience = "persist" } = options;
    const payload = {
      chat_id: this.id,
      disable_notification: silent,
      link_preview_options: { is_disabled: true },
      ...(thread === undefined ? {} : { message_thread_id: thread }),
      ...(replyTo === undefined
        ? {}
        : { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } }),
      ...(keyboard === undefined ? {} : { reply_markup: keyboard }),
    };
    const send = async (text: { readonly text: string; readonly parse_mode?: "HTML" }) => {
      const sent = await this.api.ask("sendMessage", { ...payload, ...text }, isMessage, { patience });
      return sent.message_id;
    };
    try {
      return await send({ text: html, parse_mode: "HTML" });
    } catch (error) {
      if (!isParseError(error)) throw error;
      return await send({ text: withoutTags(html) });
    }
  }

  /** Changes a message, its buttons too. False: it is not there any more, or can't be changed. */
  async edit(messageId: number, html: string, options: MessageOptions = {}): Promise<boolean> {
    const { keyboard = NO_KEYBOARD, patience = "persist" } = options;
    const payload = {
      chat_id: this.id,
      message_id: messageId,
      link_preview_options: { is_disabled: true },
      reply_markup: keyboard,
    };
    try {
      await this.api.call("editMessageText", { ...payload, text: html, parse_mode: "HTML" }, { patience });
      return true;
    } catch (error) {
      if (!(error instanceof ApiFailure) || error.kind !== "rejected") throw error;
      if (error.message.includes("not modified")) return true;
      if (!isParseError(error)) return false;
      await this.api.call("editMessageText", { ...payload, text: withoutTags(html) }, { patience });
      return true;
    }
  }

  async sendFile(
    name: string,
    content: string,
    { thread, replyTo }: Place,
    caption: string,
  ): Promise<number> {
    const sent = await this.api.ask(
      "sendDocument",
      {
        chat_id: this.id,
        document: { source: Buffer.from(content), filename: name },
        caption,
        ...(thread === undefined ? {} : { message_thread_id: thread }),
        ...(replyTo === undefined ? {} : { reply_to_message_id: replyTo }),
      },
      isMessage,
      { patience: "persist" },
    );
    return sent.message_id;
  }

  async delete(messageId: number): Promise<void> {
    await this.api.call("deleteMessage", { chat_id: this.id, message_id: messageId });
  }

  /** Shows a person who pressed a button a line. Too late is no matter: Telegram forgets presses soon. */
  async answerPress(pressId: string, text: string): Promise<void> {
    await this.api
      .call("answerCallbackQuery", { callback_query_id: pressId, text: text.slice(0, 200) })
      .catch(() => undefined);
  }

  /** Resolves to the topic's id. */
  async createTopic(name: string): Promise<number> {
    const payload = { chat_id: this.id, name: name.slice(0, 128) };
    const topic = await this.api.ask("createForumTopic", payload, isTopic);
    return topic.message_thread_id;
  }

  async closeTopic(thread: number): Promise<void> {
    await this.api.call("closeForumTopic", { chat_id: this.id, message_thread_id: thread });
  }
}

function isMessage(result: unknown): result is { readonly message_id: number } {
  return isObject(result) && "message_id" in result && typeof result.message_id === "number";
}

function isTopic(result: unknown): result is { readonly message_thread_id: number } {
  return isObject(result) && "message_thread_id" in result && typeof result.message_thread_id === "number";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isParseError(error: unknown): boolean {
  return error instanceof ApiFailure && error.message.includes("can't parse entities");
}

function withoutTags(html: string): string {
  const text = html.replace(/<[^>]*>/g, "");
  return text
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, "&");
}
