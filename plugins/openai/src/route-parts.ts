import type { ChatRouteParts } from "@claudeway/chat";
import type { OpenAIConfig } from "./config.js";
import type { ResponseStore } from "./response-store.js";

/** What the routes are built from. */
export interface RouteParts extends ChatRouteParts<OpenAIConfig> {
  readonly responses: ResponseStore;
}
