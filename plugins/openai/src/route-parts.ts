import type { ChatTurns } from "@claudeway/chat";
import type { GatewayControl, PluginScope } from "@claudeway/core";
import type { OpenAIConfig } from "./config.js";
import type { ResponseStore } from "./response-store.js";

/** What the routes are built from. */
export interface RouteParts {
  readonly config: OpenAIConfig;
  readonly chats: ChatTurns;
  readonly control: Pick<GatewayControl, "models" | "plugins">;
  readonly responses: ResponseStore;
  readonly log: PluginScope["log"];
}
