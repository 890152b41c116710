import { modelRoutes, openChat } from "@claudeway/chat";
import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { AnthropicConfig } from "./config.js";
import { errorBody, modelsErrorBody } from "./error-body.js";
import { MESSAGE_PATHS, MODEL_PATHS } from "./openapi.js";
import { messageRoutes } from "./routes.js";

export default definePlugin<AnthropicConfig, "turns" | "control">({
  name: "anthropic",
  apiVersion: 1,
  configSchema,
  needs: ["turns", "control"],
  apply(kernel, config) {
    const { control, log } = kernel;
    const chats = openChat(kernel, config);
    const cors = config.cors_origins.length > 0 && {
      cors: {
        origins: config.cors_origins,
        exposeHeaders: ["request-id", "x-turn-id", "retry-after", "x-should-retry"],
      },
    };
    kernel.mount("/v1/messages", messageRoutes({ config, chats, control, log }), {
      errors: errorBody,
      openapi: MESSAGE_PATHS,
      ...cors,
    });
    // The plugin openai serves the same below /v1; the longer prefix counts.
    kernel.mount("/v1/models", modelRoutes(control), {
      errors: modelsErrorBody,
      openapi: MODEL_PATHS,
      ...cors,
    });
  },
});
