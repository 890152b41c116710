import type { EventKind, Language, TranscriberConfig } from "@claudeway/messenger";

/** The `[plugins.telegram]` section, validated, with defaults. */
export interface TelegramConfig extends TranscriberConfig {
  readonly bot_token: string;
  readonly chat_id: string;
  readonly allowed_users?: readonly number[];
  readonly key_id: string;
  readonly model: string;
  readonly workdir?: string;
  readonly timeout_secs: number;
  readonly language: Language;
  readonly events: readonly EventKind[];
  readonly feed_topic?: number;
  readonly api_root: string;
  readonly edit_interval_ms: number;
  readonly poll_timeout_secs: number;
  readonly request_timeout_secs: number;
}
