import type { EventKind, Language, TranscriberConfig } from "@claudeway/messenger";

/** One channel of `[[plugins.slack.feeds]]`. */
export interface FeedConfig {
  readonly webhook_url: string;
  readonly events?: readonly EventKind[];
  readonly key_ids?: readonly string[];
}

/** The `[plugins.slack]` section, validated, with defaults. */
export interface SlackConfig extends TranscriberConfig {
  readonly bot_token?: string;
  readonly app_token?: string;
  readonly allowed_users?: readonly string[];
  readonly channels?: readonly string[];
  readonly feed_channel?: string;
  readonly key_id: string;
  readonly model: string;
  readonly workdir?: string;
  readonly turn_timeout_secs: number;
  readonly language: Language;
  readonly edit_interval_ms: number;
  readonly api_root: string;
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

/** The section of a bot: with both tokens. */
export type BotConfig = SlackConfig & { readonly bot_token: string; readonly app_token: string };

/** Undefined if only events are posted. Throws, naming the setting, if neither a bot nor a feed could be used. */
export function botOf(config: SlackConfig): BotConfig | undefined {
  const { bot_token, app_token, allowed_users, channels, feed_channel } = config;
  if (bot_token === undefined && app_token === undefined) {
    if (feed_channel !== undefined)
      throw new Error("plugins.slack: feed_channel needs bot_token and app_token");
    if (webhooksOf(config).length === 0)
      throw new Error("plugins.slack: set webhook_url or feeds, or bot_token and app_token");
    return undefined;
  }
  if (bot_token === undefined || app_token === undefined)
    throw new Error(`plugins.slack: set ${bot_token === undefined ? "bot_token" : "app_token"} too`);
  if (allowed_users === undefined && channels === undefined)
    throw new Error("plugins.slack: set allowed_users or channels: who may use the bot");
  return { ...config, bot_token, app_token };
}
