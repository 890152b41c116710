import type { ChatSettings } from "@claudeway/chat";

/** The `[plugins.anthropic]` section, validated, with defaults. */
export interface AnthropicConfig extends ChatSettings {
  /** What happens to requests with tools that the model may choose to call. */
  readonly tools: "call" | "ignore" | "refuse";
  readonly user_names_conversation: boolean;
  readonly cors_origins: "*" | readonly string[];
}
