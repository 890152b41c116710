import type { Scope } from "@claudeway/core";
import { askedNews, Feed, MessengerFailure, type News, type Say } from "@claudeway/messenger";
import { type DecideAt, type Message, toDigest, toMessage, withoutBlocks } from "./blocks.js";
import type { FeedConfig, SlackConfig } from "./config.js";
import { PostedApprovals } from "./posted.js";
import { Webhook } from "./webhook.js";

/** How many pending approvals are looked at after a start. */
const PENDING_AT_ONCE = 200;

type Kernel = Scope<"approvals" | "control">;

/** A channel that gets events through its incoming webhook. */
export interface WebhookFeed {
  readonly feed: Feed;
  readonly posted: PostedApprovals;
}

export function webhookFeed(channel: FeedConfig, config: SlackConfig, kernel: Kernel): WebhookFeed {
  const webhook = new Webhook(channel.webhook_url, config.timeout_secs * 1000);
  const posted = new PostedApprovals(channel.webhook_url, kernel);
  const feed = new Feed({
    messenger: "Slack",
    name: webhook.name,
    events: channel.events ?? config.events,
    keyIds: channel.key_ids ?? config.key_ids,
    intervalMs: config.interval_ms,
    backlog: config.backlog,
    scope: kernel,
    post: async (batch, lost) => {
      await send(webhook, await messageOf(batch, lost, config, kernel), kernel);
      for (const { approvalId } of batch) if (approvalId !== undefined) await posted.note(approvalId);
    },
  });
  return { feed, posted };
}

/** Posts the approvals that wait, in the channels that do not have them yet. */
export async function postMissed(
  channels: readonly WebhookFeed[],
  say: Say,
  { approvals }: Kernel,
): Promise<void> {
  const waiting = await approvals.list({ status: "pending", page: 1, limit: PENDING_AT_ONCE });
  for (const approval of waiting.approvals.toReversed()) {
    for (const { feed, posted } of channels) {
      if (!(await posted.has(approval.id))) feed.push(askedNews(approval, say));
    }
  }
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
