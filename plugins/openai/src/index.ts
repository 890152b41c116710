import { join } from "node:path";
import { openChat } from "@claudeway/chat";
import { definePlugin, type PluginScope } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { OpenAIConfig } from "./config.js";
import { errorBody } from "./error-body.js";
import { FolderShelf } from "./folder-shelf.js";
import { LedgerShelf } from "./ledger-shelf.js";
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
    const chats = openChat(kernel, config);
    const maxAgeMs = config.conversations.max_age_hours * 3_600_000;
    const responses = new ResponseStore(shelfOf(kernel, maxAgeMs));
    kernel.mount("/v1", openaiRoutes({ config, chats, control, responses, log }), {
      errors: errorBody,
      openapi: OPENAI_PATHS,
      ...(config.cors_origins.length > 0 && {
        cors: { origins: config.cors_origins, exposeHeaders: ["x-request-id", "x-turn-id", "retry-after"] },
      }),
    });
  },
});

function shelfOf(kernel: PluginScope, maxAgeMs: number): Shelf {
  if (kernel.shared) return new LedgerShelf(kernel.store, maxAgeMs);
  const folder = new FolderShelf(join(kernel.storage, "responses"), maxAgeMs);
  folder.sweep(kernel);
  return folder;
}
