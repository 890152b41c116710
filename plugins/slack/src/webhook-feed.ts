import type { Scope } from "@claudeway/core";
import { Feed, MessengerFailure, type News } from "@claudeway/messenger";
import { type DecideAt, type Message, toDigest, toMessage, withoutBlocks } from "./blocks.js";
import type { FeedConfig, SlackConfig } from "./config.js";
import { Webhook } from "./webhook.js";

type Kernel = Scope<"approvals" | "control">;

/** A channel that gets events through its incoming webhook. */
export function webhookFeed(channel: FeedConfig, config: SlackConfig, kernel: Kernel): Feed {
  const webhook = new Webhook(channel.webhook_url, config.timeout_secs * 1000);
  return new Feed({
    messenger: "Slack",
    name: webhook.name,
    events: channel.events ?? config.events,
    keyIds: channel.key_ids ?? config.key_ids,
    intervalMs: config.interval_ms,
    backlog: config.backlog,
    scope: kernel,
    post: async (batch, lost) => send(webhook, await messageOf(batch, lost, config, kernel), kernel),
  });
}

/** Slack may refuse a message because of its blocks: then its plain text is sent. */
async function send(webhook: Webhook, message: Message, { log, signal }: Kernel): Promise<void> {
  try {
    await webhook.send(message, signal);
  } catch (error) {
    if (!(error instanceof MessengerFailure) || error.kind !== "rejected") throw error;
    log.warn(`${webhook.name}: ${error.message}; sending it again as plain text`);
    await webhook.send(withoutBlocks(message), signal);
  }
}

async function messageOf(
  batch: readonly News[],
  lost: number,
  config: SlackConfig,
  kernel: Kernel,
): Promise<Message> {
  const [first] = batch;
  if (first === undefined || batch.length > 1) return toDigest(batch, lost);
  if (first.approvalId === undefined) return toMessage(first, undefined, lost);
  return toMessage(first, await decideAt(first.approvalId, config, kernel), lost);
}

async function decideAt(
  approvalId: string,
  { public_url: publicUrl }: SlackConfig,
  { approvals, control }: Kernel,
): Promise<DecideAt> {
  const base = publicUrl ?? control.publicUrl();
  if (base === undefined) return { url: undefined };
  // A call that was decided meanwhile has no page any more.
  const page = await approvals.link(approvalId).catch(() => undefined);
  return { url: page === undefined ? undefined : base.replace(/\/+$/, "") + page };
}
