import type { PluginSetup } from "@claudeway/core";
import { type SlackConfig, webhooksOf } from "./config.js";
import { Webhook } from "./webhook.js";

/** Asks for the webhook, and posts a message through it. */
export const setup: PluginSetup<SlackConfig> = {
  ask: ["webhook_url"],
  test: async (config, { signal }) => {
    const webhooks = webhooksOf(config);
    if (webhooks.length === 0) throw new Error("plugins.slack: set webhook_url or feeds");
    for (const { webhook_url } of webhooks) {
      const text = "Claudeway is set up to post here.";
      const webhook = new Webhook(webhook_url, config.timeout_secs * 1000);
      await webhook.send({ text, blocks: [] }, signal).catch((error: unknown) => {
        throw new Error(`${webhook.name}: ${error instanceof Error ? error.message : "not delivered"}`);
      });
    }
    return "posted a message to the channel";
  },
};
