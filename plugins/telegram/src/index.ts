import { definePlugin } from "@claudeway/core";
import {
  type ChatScope,
  ChatService,
  type ChatTerm,
  commandList,
  Feed,
  leadChat,
  reportNews,
  type Say,
  State,
  textsIn,
  transcriberOf,
} from "@claudeway/messenger";
import configSchema from "../config.schema.json" with { type: "json" };
import { BotApi } from "./api.js";
import { Bot } from "./bot.js";
import { Chat } from "./chat.js";
import type { TelegramConfig } from "./config.js";
import { FEED_BACKLOG, FEED_INTERVAL_MS, feedMessage } from "./feed.js";
import { topicKey } from "./places.js";
import { check, setup } from "./setup.js";
import { type Connected, Supervisor } from "./supervise.js";

export type { TelegramConfig } from "./config.js";

/*
 * Incoming: supervise (long poll) → bot (access check) → the chat service. Outgoing: chat (the configured chat), through
 * api (retries and pauses).
 */

export default definePlugin<TelegramConfig, "turns" | "approvals" | "keys">({
  name: "telegram",
  apiVersion: 1,
  configSchema,
  needs: ["turns", "approvals", "keys"],
  // Telegram refuses one of two programs that poll with the same token: see `leadChat`.
  exclusive: true,
  setup,
  check,
  apply(kernel, config) {
    const { log, signal } = kernel;
    const say = textsIn(config.language, { messenger: "Telegram" });
    const pause = { until: 0 };
    // The feed and the chat share what Telegram says of its limits.
    const apiFor = (during: AbortSignal) =>
      new BotApi({
        token: config.bot_token,
        apiRoot: config.api_root,
        timeoutMs: config.request_timeout_secs * 1000,
        signal: during,
        log,
        pause,
      });
    const board = new Chat(apiFor(signal), config.chat_id, kernel);
    const feed = new Feed({
      messenger: "Telegram",
      name: `chat ${config.chat_id}`,
      events: config.events,
      keyIds: undefined,
      intervalMs: FEED_INTERVAL_MS,
      backlog: FEED_BACKLOG,
      post: async (batch, lost) => {
        const message = { spans: feedMessage(batch, lost, say) };
        await board.send({ key: topicKey(config.feed_topic) }, message, { silent: true, patience: "once" });
      },
      scope: kernel,
    });
    kernel.onDispose(() => feed.close());
    reportNews({
      hooks: kernel.hooks,
      say,
      decisionsElsewhere: true,
      post: (news) => {
        // The chat already shows its own turns.
        if (news.kind === "budgets" || news.keyId !== config.key_id) feed.push(news);
      },
    });
    if (config.allowed_users === undefined) {
      const line =
        "telegram: allowed_users is not set: every member of the chat can send prompts and decide on tool calls";
      log.warn(line);
      kernel.notice(line);
    }
    leadChat(kernel, (scope) => openChat(config, { scope, say, api: apiFor(scope.signal) }));
  },
});

interface ChatParts {
  readonly scope: ChatScope;
  readonly say: Say;
  readonly api: BotApi;
}

/** The bot's chat, with the conversations that were stored. */
async function openChat(config: TelegramConfig, { scope, say, api }: ChatParts): Promise<ChatTerm> {
  const { store, log, shared, signal } = scope;
  const chat = new Chat(api, config.chat_id, scope);
  const state = await State.open({ store, name: `chat${config.chat_id}`, log, shared, signal });
  const service = new ChatService({
    scope,
    messenger: chat,
    state,
    say,
    terms: {
      keyId: config.key_id,
      model: config.model,
      workdir: config.workdir,
      timeoutSecs: config.timeout_secs,
    },
    intervalMs: config.edit_interval_ms,
    homeKey: topicKey(config.feed_topic),
    transcriber: transcriberOf(config),
  });
  const bot = new Bot({ config, api, chat, state, say, service, scope });
  let connected: Connected | undefined;
  const supervisor = new Supervisor({
    api,
    chatId: config.chat_id,
    pollTimeoutSecs: config.poll_timeout_secs,
    commands: commandList(say).map(({ name, does }) => ({ command: name, description: does })),
    scope,
    connected: (now) => {
      connected = now;
      service.connected();
    },
    handle: async (update) => {
      if (connected !== undefined) await bot.handle(update, connected.me);
    },
  });
  return { service, run: () => supervisor.run() };
}
