import type { CheckContext, PluginSetup, SetupTerminal } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { BotApi } from "./api.js";
import type { TelegramConfig } from "./config.js";
import { isBot, isObject } from "./shapes.js";

/** How long to wait for a message to the bot, in ms, and for one poll, in seconds. */
const MAX_WAIT_MS = 180_000;
const POLL_SECS = 10;
const CALL_MS = 15_000;

interface Found {
  readonly chat: string;
  readonly title: string;
  /** The author's name and the author's id for `allowed_users`. */
  readonly writer: string;
}

/** Finds the chat through a message in it, asks who may use the bot, and tests the token and the chat. */
export const setup: PluginSetup<TelegramConfig> = {
  ask: ["allowed_users"],
  find: async (setting, given, terminal) =>
    setting === "chat_id" && given.bot_token !== undefined
      ? findChat(apiFor(given.bot_token, given.api_root, terminal), terminal)
      : undefined,
  test: (config, { signal }) => check(config, { signal }),
};

/** Tries the token and the chat, without a poll: that would disturb a running bot. */
export async function check(
  { bot_token, api_root, chat_id }: Pick<TelegramConfig, "bot_token" | "api_root" | "chat_id">,
  context: Pick<CheckContext, "signal">,
): Promise<string> {
  const api = apiFor(bot_token, api_root, context);
  const { username } = await api.ask("getMe", {}, isBot);
  await api.call("getChat", { chat_id });
  return `@${username} is in the chat`;
}

function apiFor(
  token: string,
  apiRoot: string = configSchema.properties.api_root.default,
  { signal }: Pick<SetupTerminal, "signal">,
) {
  return new BotApi({ token, apiRoot, timeoutMs: CALL_MS, signal, log: { debug: () => undefined } });
}

async function findChat(api: BotApi, terminal: SetupTerminal): Promise<string | undefined> {
  const { username } = await api.ask("getMe", {}, isBot);
  // Telegram refuses polls while a webhook is set.
  await api.call("deleteWebhook", {});
  terminal.say(
    `Now send a message to @${username}: to the bot itself, or in the group that it will serve (it must be a member)`,
  );
  const deadline = Date.now() + MAX_WAIT_MS;
  for (let offset = 0; Date.now() < deadline && !terminal.signal.aborted; ) {
    const updates = await poll(api, offset);
    for (const update of updates) offset = Math.max(offset, updateId(update) + 1);
    const found = updates.map(findIn).find((one) => one !== undefined);
    if (found === undefined) continue;
    // Acknowledge what was read, so that the gateway's poll does not get it again.
    await api.ask("getUpdates", { offset, timeout: 0, limit: 1 }, isList);
    terminal.say(`Found: ${found.title} (${found.chat}), written by ${found.writer}`);
    return found.chat;
  }
  return undefined;
}

function poll(api: BotApi, offset: number): Promise<unknown[]> {
  const query = { offset, timeout: POLL_SECS, limit: 100, allowed_updates: ["message"] as const };
  return api.ask("getUpdates", query, isList, { timeoutMs: POLL_SECS * 1000 + CALL_MS });
}

function isList(result: unknown): result is unknown[] {
  return Array.isArray(result);
}

function updateId(update: unknown): number {
  return isObject(update) && "update_id" in update && typeof update.update_id === "number"
    ? update.update_id
    : 0;
}

function findIn(update: unknown): Found | undefined {
  const message = isObject(update) && "message" in update ? update.message : undefined;
  if (!isObject(message)) return undefined;
  const chat = "chat" in message ? message.chat : undefined;
  if (!isObject(chat) || !("id" in chat) || typeof chat.id !== "number") return undefined;
  const title = "title" in chat ? chat.title : "first_name" in chat ? chat.first_name : "";
  const writer = "from" in message ? writerOf(message.from) : "unknown";
  return { chat: String(chat.id), title: typeof title === "string" ? title : "", writer };
}

function writerOf(user: unknown): string {
  if (!isObject(user) || !("id" in user) || typeof user.id !== "number") return "unknown";
  const name = "first_name" in user && typeof user.first_name === "string" ? `${user.first_name}, ` : "";
  return `${name}user id ${user.id}`;
}
