import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope } from "@claudeway/core";
import { MessengerFailure, Outage } from "@claudeway/messenger";
import type { BotCommand, Update, UserFromGetMe } from "telegraf/types";
import type { BotApi } from "./api.js";
import { isBot, isObject } from "./shapes.js";

/** What the bot learned about itself when it connected. */
export interface Connected {
  readonly me: UserFromGetMe;
}

export interface SuperviseOptions {
  readonly api: BotApi;
  readonly chatId: string;
  readonly pollTimeoutSecs: number;
  readonly commands: readonly BotCommand[];
  readonly scope: Pick<PluginScope, "log" | "notice" | "signal">;
  /** Called each time that the bot connects. */
  connected(connected: Connected): void;
  /** Handles one update. Resolves when Telegram may forget it. */
  handle(update: Update): Promise<void>;
}

const MAX_SEEN = 1000;
const POLL_GRACE_MS = 10_000;
/** A long poll without updates must take at least this long. */
const MIN_POLL_MS = 1000;

/**
 * Connects to Telegram and polls for updates until the plugin is switched off. It retries every failure and reports it in
 * the plugin list. telegraf's own loop is not used: it ends on 401 and 409, and never notices a poll that hangs.
 */
export class Supervisor {
  readonly #seen = new Set<number>();
  #offset = 0;
  readonly #outage: Outage;
  #connected = false;

  constructor(private readonly options: SuperviseOptions) {
    this.#outage = new Outage("telegram", options.scope, explain);
  }

  /** Resolves when the plugin is switched off. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.options.scope;
    while (!signal.aborted) {
      try {
        if (!this.#connected) await this.#connect();
        await this.#poll();
        this.#outage.failures = 0;
      } catch (error) {
        if (!signal.aborted) await this.#outage.failed(error);
      }
    }
  }

  async #connect(): Promise<void> {
    const { api, chatId, commands, scope } = this.options;
    const me = await api.ask("getMe", {}, isBot);
    // Telegram refuses polls while a webhook is set. Pending updates are kept.
    await api.call("deleteWebhook", {});
    // Only the menu is missing without them: the bot understands its commands all the same.
    await api.call("setMyCommands", { commands: [...commands] }).catch((error: unknown) => {
      if (!scope.signal.aborted)
        scope.log.warn(`could not set the menu of commands: ${error instanceof Error ? error.message : "?"}`);
    });
    const title = await this.#lookAtChat();
    this.#connected = true;
    this.#outage.over(`telegram: @${me.username} serves ${title || `chat ${chatId}`}`);
    this.options.connected({ me });
  }

  /** Resolves to the chat's title. */
  async #lookAtChat(): Promise<string> {
    const { api, chatId } = this.options;
    try {
      const chat = await api.ask("getChat", { chat_id: chatId }, isObject);
      // A private chat has no title.
      return "title" in chat ? String(chat.title) : "first_name" in chat ? String(chat.first_name) : "";
    } catch (error) {
      if (!(error instanceof MessengerFailure) || error.kind !== "rejected") throw error;
      throw new MessengerFailure(
        "rejected",
        `chat ${chatId}: ${error.message}; check that the bot is a member and that chat_id is right`,
      );
    }
  }

  async #poll(): Promise<void> {
    const { api, pollTimeoutSecs, scope } = this.options;
    const began = performance.now();
    const updates = await api.ask(
      "getUpdates",
      {
        offset: this.#offset,
        // After a failure, poll without waiting, to learn at once whether the connection is back.
        timeout: this.#outage.failures > 0 ? 0 : pollTimeoutSecs,
        limit: 100,
        allowed_updates: ["message", "callback_query"],
      },
      isList,
      { timeoutMs: pollTimeoutSecs * 1000 + POLL_GRACE_MS },
    );
    if (this.#outage.failures > 0) this.#recovered();
    let fresh = 0;
    for (const update of updates) {
      if (scope.signal.aborted) return;
      if (await this.#handle(update)) fresh++;
    }
    // A server that answers polls at once, or repeats itself, must not be polled in a tight loop.
    const restMs = fresh > 0 ? 0 : MIN_POLL_MS - (performance.now() - began);
    if (restMs > 0) await sleep(restMs, undefined, { signal: scope.signal }).catch(() => undefined);
  }

  /** False if it was not new. */
  async #handle(update: Update): Promise<boolean> {
    const { log } = this.options.scope;
    const id: unknown = update?.update_id;
    if (typeof id !== "number" || !Number.isSafeInteger(id)) {
      log.warn("skipped an update without an id");
      return false;
    }
    this.#offset = id + 1;
    if (this.#seen.has(id)) return false;
    this.#seen.add(id);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MAX_SEEN) break;
      this.#seen.delete(oldest);
    }
    try {
      await this.options.handle(update);
    } catch (error) {
      log.error({ err: error, update_id: id }, "the handler of an update failed; skipped the update");
    }
    return true;
  }

  #recovered(): void {
    this.options.scope.log.info("connected to Telegram again");
    this.#connected = false;
  }
}

function explain({ kind, message }: MessengerFailure): string {
  if (kind === "token") return `bot_token was refused (${message}); get a new one from @BotFather`;
  if (kind === "conflict")
    return `another program polls with this bot_token (${message}); waiting until it ends`;
  return `cannot use Telegram: ${message}`;
}

/** Items are checked one by one, in `#handle` and in telegraf: one malformed update must not block the others. */
function isList(result: unknown): result is Update[] {
  return Array.isArray(result);
}
