import { join } from "node:path";
import { openChat } from "@claudeway/chat";
import { definePlugin, type PluginScope, type PluginStore } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { OpenAIConfig } from "./config.js";
import { errorBody } from "./error-body.js";
import { FolderShelf } from "./folder-shelf.js";
import { LedgerShelf, storeBesideResponses } from "./ledger-shelf.js";
import { OPENAI_PATHS } from "./openapi.js";
import { ResponseStore, type Shelf } from "./response-store.js";
import { openaiRoutes } from "./routes.js";

export default definePlugin<OpenAIConfig, "turns" | "control">({
  name: "openai",
  apiVersion: 1,
  configSchema,
  needs: ["turns", "control"],
  apply(kernel, config) {
    const { control, log } = kernel;
    const maxAgeMs = config.conversations.max_age_hours * 3_600_000;
    const { shelf, store } = shelfOf(kernel, maxAgeMs);
    const chats = openChat(kernel, config, store);
    const responses = new ResponseStore(shelf);
    kernel.mount("/v1", openaiRoutes({ config, chats, control, responses, log }), {
      errors: errorBody,
      openapi: OPENAI_PATHS,
      ...(config.cors_origins.length > 0 && {
        cors: {
          origins: config.cors_origins,
          exposeHeaders: ["x-request-id", "x-turn-id", "retry-after", "x-should-retry"],
        },
      }),
    });
  },
});

/** Where responses are kept, and the store that is left for chats. */
function shelfOf(kernel: PluginScope, maxAgeMs: number): { shelf: Shelf; store: PluginStore } {
  const { store } = kernel;
  if (kernel.shared) {
    const shelf = new LedgerShelf(store, maxAgeMs);
    return { shelf, store: storeBesideResponses(store, shelf) };
  }
  const folder = new FolderShelf(join(kernel.storage, "responses"), maxAgeMs);
  folder.sweep(kernel);
  return { shelf: folder, store };
}
