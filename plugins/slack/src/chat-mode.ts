import type { Scope } from "@claudeway/core";
import {
  type ChatScope,
  ChatService,
  type ChatTerm,
  Feed,
  leadChat,
  reportNews,
  type Say,
  State,
  textsIn,
  transcriberOf,
} from "@claudeway/messenger";
import { toDigest, toMessage } from "./blocks.js";
import { Bot } from "./bot.js";
import type { BotConfig } from "./config.js";
import { channelKey } from "./places.js";
import { SlackApi } from "./slack-api.js";
import { Socket } from "./socket.js";
import { Workspace } from "./workspace.js";

/** A bot in Slack: threads are sessions. Registers its taps, and runs at the gateway that leads. */
export async function startBot(
  kernel: Scope<"turns" | "approvals" | "keys">,
  config: BotConfig,
): Promise<void> {
  const { log, signal } = kernel;
  const say = textsIn(config.language, { messenger: "Slack" });
  const { bot_token: botToken, api_root: apiRoot, feed_channel: feedChannel } = config;
  const pause = { until: 0 };
  const apiFor = (during: AbortSignal) =>
    SlackApi.open({ botToken, apiRoot, timeoutMs: config.timeout_secs * 1000, signal: during, log, pause });
  if (feedChannel !== undefined) {
    const feed = channelFeed(await apiFor(signal), feedChannel, config, kernel);
    kernel.onDispose(() => feed.close());
    const post = (news: Parameters<typeof feed.push>[0]) => {
      // The threads already show their own turns.
      if (news.kind === "budgets" || news.keyId !== config.key_id) feed.push(news);
    };
    reportNews({ hooks: kernel.hooks, say, decisionsElsewhere: true, post });
  }
  if (config.allowed_users === undefined) {
    const line =
      "slack: allowed_users is not set: every member of the channels can send prompts and decide on tool calls";
    log.warn(line);
    kernel.notice(line);
  }
  leadChat(kernel, async (scope) => openChat(config, { scope, say, api: await apiFor(scope.signal) }));
}

interface ChatParts {
  readonly scope: ChatScope;
  readonly say: Say;
  readonly api: SlackApi;
}

/** The bot's threads, with the conversations that were stored. */
async function openChat(config: BotConfig, { scope, say, api }: ChatParts): Promise<ChatTerm> {
  const { log, store, shared, signal } = scope;
  const { api_root: apiRoot, feed_channel: feedChannel } = config;
  const workspace = new Workspace(api, say, scope);
  const state = await State.open({ store, name: "bot", log, linksAreThreads: true, shared, signal });
  const service = new ChatService({
    scope,
    messenger: workspace,
    state,
    say,
    terms: {
      keyId: config.key_id,
      model: config.model,
      workdir: config.workdir,
      timeoutSecs: config.turn_timeout_secs,
    },
    intervalMs: config.edit_interval_ms,
    homeKey: feedChannel === undefined ? undefined : channelKey(feedChannel),
    transcriber: transcriberOf(config),
  });
  const bot = new Bot({ config, workspace, state, say, service, scope });
  const socket = new Socket({
    appToken: config.app_token,
    apiRoot,
    timeoutMs: config.timeout_secs * 1000,
    scope,
    prepare: async () => {
      const { user_id, user, team } = await api.call("auth.test", (client) => client.auth.test());
      bot.userId = user_id ?? "";
      return `@${user} serves ${team}`;
    },
    connected: () => service.connected(),
    handle: (envelope) => bot.handle(envelope),
  });
  return { service, run: () => socket.run() };
}

/** Events in a channel, posted by the bot. */
function channelFeed(
  api: SlackApi,
  channel: string,
  config: BotConfig,
  scope: Pick<Scope, "log" | "notice" | "signal">,
): Feed {
  return new Feed({
    messenger: "Slack",
    name: `channel ${channel}`,
    events: config.events,
    keyIds: config.key_ids,
    intervalMs: config.interval_ms,
    backlog: config.backlog,
    scope,
    post: async (batch, lost) => {
      const [first] = batch;
      const message =
        first !== undefined && batch.length === 1 ? toMessage(first, undefined, lost) : toDigest(batch, lost);
      await api.call("chat.postMessage", (client) => client.chat.postMessage({ channel, ...message }));
    },
  });
}
