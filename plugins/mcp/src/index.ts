import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { McpConfig } from "./config.js";
import { METADATA_PREFIX, ResourceMetadata } from "./metadata.js";
import { MCP_PATHS, METADATA_PATHS } from "./openapi.js";
import { Prompts } from "./prompts.js";
import { Resources } from "./resources.js";
import { mcpRoutes } from "./routes.js";
import { errorBody } from "./rpc-error.js";
import { SessionTable } from "./session-table.js";
import { SharedSessions } from "./shared-sessions.js";
import { approvalTools } from "./tools/approvals.js";
import { sessionTools } from "./tools/sessions.js";
import { taskTools } from "./tools/tasks.js";

export default definePlugin<McpConfig, "turns" | "approvals" | "control">({
  name: "mcp",
  apiVersion: 1,
  configSchema,
  needs: ["turns", "approvals", "control"],
  apply(kernel, config) {
    const { turns, approvals, control, sessions, ledger, log } = kernel;
    const { timeout_secs: timeoutSecs } = config;
    const tools = [
      ...taskTools({ turns, ledger, timeoutSecs }),
      ...sessionTools({ turns, sessions, timeoutSecs }),
      ...approvalTools(approvals, config.approvals),
    ];
    const resources = new Resources({ sessions, maxBytes: config.max_resource_bytes });
    const parts = { tools, resources, prompts: new Prompts(control), version: control.version, log };
    const idleMs = config.session_idle_minutes * 60_000;
    const table = new SessionTable(parts, {
      maxPerKey: config.max_sessions_per_key,
      idleMs,
      shared: kernel.shared ? new SharedSessions(kernel.store, idleMs) : undefined,
      log,
    });
    kernel.onDispose(() => table.close());
    const cors = config.cors_origins.length > 0 && {
      cors: { origins: config.cors_origins, exposeHeaders: ["mcp-session-id", "www-authenticate"] },
    };
    const metadata = new ResourceMetadata(config, control);
    kernel.mount("/mcp", mcpRoutes(table, config), {
      errors: errorBody,
      challenge: (headers) => metadata.challenge(headers),
      openapi: MCP_PATHS,
      ...cors,
    });
    kernel.mount(METADATA_PREFIX, metadata.routes(), { auth: "none", openapi: METADATA_PATHS, ...cors });
  },
});
