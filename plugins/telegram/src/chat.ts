import type { PluginScope } from "@claudeway/core";
import type { InlineKeyboardMarkup } from "telegraf/types";
import { ApiFailure, type BotApi, type CallOptions } from "./api.js";
import { isObject } from "./shapes.js";

/** A place in the chat. */
export interface Place {
  /** Id of the topic; undefined for General, or a chat without topics. */
  readonly thread?: number | undefined;
  /** The message that is replied to. */
  readonly replyTo?: number | undefined;
}

export interface MessageOptions extends Pick<CallOptions, "patience"> {
  readonly keyboard?: InlineKeyboardMarkup | undefined;
  readonly silent?: boolean;
}

const NO_KEYBOARD: InlineKeyboardMarkup = { inline_keyboard: [] };

/** The one chat that the bot serves. */
export class Chat {
  #nextGrowthAt = 0;
  #withdrawNotice: (() => void) | undefined;

  constructor(
    private readonly api: BotApi,
    readonly id: string,
    private readonly scope: Pick<PluginScope, "log" | "notice">,
  ) {}

  /** Milliseconds until a growing answer may be updated: after a 429, or after another answer's update. */
  get growthPauseMs(): number {
    return Math.max(this.api.pausedMs, this.#nextGrowthAt - Date.now());
  }

  /** Telegram limits edits per chat, so all growing answers share one edit per interval. False if it is too early. */
  takeGrowth(intervalMs: number): boolean {
    if (this.growthPauseMs > 0) return false;
    this.#nextGrowthAt = Date.now() + intervalMs;
    return true;
  }

  /** Sends Telegram HTML; resolves to the message's id. */
  send(html: string, place: Place, options: MessageOptions = {}): Promise<number> {
    const { keyboard, silent = false, patience = "persist" } = options;
    const payload = {
      chat_id: this.id,
      disable_notification: silent,
      link_preview_options: { is_disabled: true },
      ...(keyboard === undefined ? {} : { reply_markup: keyboard }),
    };
    return this.#deliver(place, async (where) => {
      const send = (text: { readonly text: string; readonly parse_mode?: "HTML" }) =>
        this.api.ask("sendMessage", { ...payload, ...where, ...text }, isMessage, { patience });
      try {
        return await send({ text: html, parse_mode: "HTML" });
      } catch (error) {
        if (!isParseError(error)) throw error;
        return await send({ text: withoutTags(html) });
      }
    });
  }

  /** Edits a message and its buttons. False if it is gone or cannot be edited. */
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

  sendFile(name: string, content: string, place: Place, caption: string): Promise<number> {
    const document = { source: Buffer.from(content), filename: name };
    return this.#deliver(place, (where) =>
      this.api.ask("sendDocument", { chat_id: this.id, document, caption, ...where }, isMessage, {
        patience: "persist",
      }),
    );
  }

  async delete(messageId: number): Promise<void> {
    await this.api.call("deleteMessage", { chat_id: this.id, message_id: messageId });
  }

  /** Shows a short notice to the person who pressed a button. A failure is ignored: Telegram forgets presses soon. */
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

  /** Messages for a closed or deleted topic are sent to General: a question must reach somebody. */
  async #deliver(place: Place, send: (where: Where) => Promise<SentMessage>): Promise<number> {
    try {
      const sent = await send(whereOf(place)).catch((error: unknown) => {
        if (place.thread === undefined || !isTopicGone(error)) throw error;
        this.scope.log.info(`topic ${place.thread} is closed or deleted; its messages are sent to General`);
        return send({});
      });
      this.#withdrawNotice?.();
      this.#withdrawNotice = undefined;
      return sent.message_id;
    } catch (error) {
      if (error instanceof ApiFailure && error.kind === "rejected") this.#say(error.message);
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

function whereOf({ thread, replyTo }: Place): Where {
  return {
    ...(thread === undefined ? {} : { message_thread_id: thread }),
    ...(replyTo === undefined
      ? {}
      : { reply_parameters: { message_id: replyTo, allow_sending_without_reply: true } }),
  };
}

function isMessage(result: unknown): result is SentMessage {
  return isObject(result) && "message_id" in result && typeof result.message_id === "number";
}

function isTopic(result: unknown): result is { readonly message_thread_id: number } {
  return isObject(result) && "message_thread_id" in result && typeof result.message_thread_id === "number";
}

function isTopicGone(error: unknown): boolean {
  return error instanceof ApiFailure && /thread not found|TOPIC_(?:CLOSED|DELETED)/i.test(error.message);
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
