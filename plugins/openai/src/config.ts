import type { ChatSettings } from "@claudeway/chat";

/** The `[plugins.openai]` section, validated, with defaults. */
export interface OpenAIConfig extends ChatSettings {
  readonly aliases: Readonly<Record<string, string>>;
  /** What happens to requests with tools that the model may choose to call. */
  readonly tools: "refuse" | "ignore";
  readonly user_names_conversation: boolean;
  readonly cors_origins: "*" | readonly string[];
}
