import type { EventKind } from "@claudeway/messenger";

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

/** The channels that are posted to through webhooks. */
export function webhooksOf({ webhook_url, feeds }: SlackConfig): readonly FeedConfig[] {
  return webhook_url === undefined ? feeds : [{ webhook_url }, ...feeds];
}
