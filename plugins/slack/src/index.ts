import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { DecideAt } from "./blocks.js";
import { Feed } from "./feed.js";
import {
  askedNews,
  budgetNews,
  decidedNews,
  type EventKind,
  type News,
  parkedNews,
  requestNews,
  sessionNews,
  turnNews,
} from "./news.js";
import { Webhook } from "./webhook.js";

/** One channel of `[[plugins.slack.feeds]]`. */
export interface FeedConfig {
  readonly webhook_url: string;
  readonly events?: readonly EventKind[];
  readonly key_ids?: readonly string[];
}

/** The `[plugins.slack]` section, validated, with defaults. */
export interface SlackConfig {
  readonly webhook_url?: string;
  readonly events: readonly EventKind[];
  readonly key_ids?: readonly string[];
  readonly feeds: readonly FeedConfig[];
  readonly public_url?: string;
  readonly interval_ms: number;
  readonly timeout_secs: number;
  readonly backlog: number;
}

/** Maximum time for the last messages when the gateway closes. */
const FLUSH_MS = 3000;

export default definePlugin<SlackConfig, "approvals" | "control">({
  name: "slack",
  apiVersion: 1,
  configSchema,
  needs: ["approvals", "control"],
  setup: {
    ask: ["webhook_url"],
    test: async (config, { signal }) => {
      for (const { webhook_url } of channelsOf(config)) {
        const text = "Claudeway is set up to post here.";
        const webhook = new Webhook(webhook_url, config.timeout_secs * 1000);
        await webhook.send({ text, blocks: [] }, signal).catch((error: unknown) => {
          throw new Error(`${webhook.name}: ${error instanceof Error ? error.message : "not delivered"}`);
        });
      }
      return "posted a message to the channel";
    },
  },
  apply(kernel, config) {
    const channels = channelsOf(config);
    const { approvals, control } = kernel;
    const decideAt = async (approvalId: string): Promise<DecideAt> => {
      const base = config.public_url ?? control.publicUrl();
      if (base === undefined) return { url: undefined };
      // A call that was decided meanwhile has no page any more.
      const page = await approvals.link(approvalId).catch(() => undefined);
      return { url: page === undefined ? undefined : base.replace(/\/+$/, "") + page };
    };
    const feeds = channels.map(
      ({ webhook_url, events, key_ids }) =>
        new Feed({
          webhook: new Webhook(webhook_url, config.timeout_secs * 1000),
          events: events ?? config.events,
          keyIds: key_ids ?? config.key_ids,
          intervalMs: config.interval_ms,
          backlog: config.backlog,
          decideAt,
          scope: kernel,
        }),
    );
    const post = (news: News | undefined): void => {
      if (news !== undefined) for (const feed of feeds) feed.push(news);
    };
    const { hooks } = kernel;
    hooks.afterExecute.tap("post", (turn, outcome) => post(turnNews(turn, outcome)));
    hooks.event.tap("post-parked", (event, turn) => {
      if (event.type === "done" && event.response.pending_approval !== undefined) post(parkedNews(turn));
    });
    hooks.budgetWarning.tap("post", (warning) => post(budgetNews(warning)));
    hooks.requestCompleted.tap("post", (request) => post(requestNews(request)));
    hooks.sessionStart.tap("post", (session) => post(sessionNews(session, "started")));
    hooks.sessionEnd.tap("post", (session) => post(sessionNews(session, "deleted")));
    hooks.approvalRequested.tap("post", (approval) => post(askedNews(approval)));
    hooks.approvalDecided.tap("post", (approval) => post(decidedNews(approval)));
    hooks.closing.tapPromise("flush", async () => {
      await Promise.all(feeds.map((feed) => feed.flush(FLUSH_MS)));
    });
    kernel.onDispose(async () => {
      await Promise.all(feeds.map((feed) => feed.close()));
    });
  },
});

function channelsOf({ webhook_url, feeds }: SlackConfig): readonly FeedConfig[] {
  const channels = webhook_url === undefined ? feeds : [{ webhook_url }, ...feeds];
  if (channels.length === 0) throw new Error("plugins.slack: set webhook_url or feeds");
  return channels;
}
