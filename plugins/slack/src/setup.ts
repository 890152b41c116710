import type { CheckFinding, PluginSetup } from "@claudeway/core";
import type { MessengerFailure } from "@claudeway/messenger";
import { type BotConfig, botOf, type SlackConfig, webhooksOf } from "./config.js";
import { SlackApi } from "./slack-api.js";
import { Webhook } from "./webhook.js";

/** Asks for the tokens or a webhook, tries the tokens, and posts a message through the webhook. */
export const setup: PluginSetup<SlackConfig> = {
  ask: ["webhook_url", "bot_token", "app_token", "allowed_users", "channels"],
  test: async (config, { signal }) => {
    const bot = botOf(config);
    const webhooks = webhooksOf(config);
    const found = bot === undefined ? [] : [await tryTokens(bot, signal)];
    for (const { webhook_url } of webhooks) {
      const text = "Claudeway is set up to post here.";
      const webhook = new Webhook(webhook_url, config.timeout_secs * 1000);
      await webhook.send({ text, blocks: [] }, signal).catch((error: unknown) => {
        throw new Error(`${webhook.name}: ${error instanceof Error ? error.message : "not delivered"}`);
      });
    }
    if (webhooks.length > 0) found.push("posted a message to the channel");
    return found.join("; ");
  },
};

/** Tries the tokens; webhooks cannot be tried without posting. */
export async function check(
  config: SlackConfig,
  { signal }: { readonly signal: AbortSignal },
): Promise<string | readonly CheckFinding[]> {
  const bot = botOf(config);
  if (bot === undefined) return "posts events; webhooks are not tried";
  return tryTokens(bot, signal);
}

/** Resolves to who the bot is. Rejects with the name of the setting that does not work. */
async function tryTokens(config: BotConfig, signal: AbortSignal): Promise<string> {
  const { bot_token: botToken, app_token: appToken, api_root: apiRoot } = config;
  const log = { debug: () => undefined };
  const common = { apiRoot, timeoutMs: config.timeout_secs * 1000, signal, log };
  const refused = (setting: string) => (failure: MessengerFailure) => {
    throw new Error(`${setting}: Slack ${failure.message}`);
  };
  const asBot = await SlackApi.open({ botToken, ...common });
  const who = await asBot.call("auth.test", (client) => client.auth.test()).catch(refused("bot_token"));
  const asApp = await SlackApi.open({ botToken: appToken, ...common });
  await asApp
    .call("apps.connections.open", (client) => client.apps.connections.open({}))
    .catch(refused("app_token"));
  return `@${who.user} of ${who.team}; Socket Mode is open`;
}
