import { definePlugin } from "@claudeway/core";
import { Background, reportNews, textsIn } from "@claudeway/messenger";
import configSchema from "../config.schema.json" with { type: "json" };
import { startBot } from "./chat-mode.js";
import { botOf, type SlackConfig, webhooksOf } from "./config.js";
import { check, setup } from "./setup.js";
import { postMissed, webhookFeed } from "./webhook-feed.js";

export type { FeedConfig, SlackConfig } from "./config.js";

/** Maximum time for the last messages when the gateway closes. */
const FLUSH_MS = 3000;

export default definePlugin<SlackConfig, "approvals" | "control" | "keys" | "turns">({
  name: "slack",
  apiVersion: 1,
  configSchema,
  needs: ["approvals", "control", "keys", "turns"],
  // Slack gives each event to one of several connections.
  exclusive: "node",
  setup,
  check,
  async apply(kernel, config) {
    const bot = botOf(config);
    const channels = webhooksOf(config).map((channel) => webhookFeed(channel, config, kernel));
    const feeds = channels.map(({ feed }) => feed);
    const { control, hooks } = kernel;
    if (feeds.length > 0) {
      const say = textsIn("en", { messenger: "Slack" });
      reportNews({
        hooks,
        say,
        decisionsElsewhere: false,
        post: (news) => {
          for (const feed of feeds) feed.push(news);
        },
      });
      hooks.closing.tapPromise("flush", async () => {
        await Promise.all(feeds.map((feed) => feed.flush(FLUSH_MS)));
      });
      const background = new Background(kernel);
      const catchUp = () =>
        background.run("posting what was missed", () => postMissed(channels, say, kernel));
      // Only then, the approvals of turns that a kill ended are withdrawn.
      if (control.address() === undefined) hooks.listening.tap("missed", catchUp);
      else catchUp();
      kernel.onDispose(async () => {
        await background.close();
        await Promise.all(feeds.map((feed) => feed.close()));
      });
    }
    if (bot !== undefined) await startBot(kernel, bot);
  },
});
