import { join } from "node:path";
import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { folderInsteadOf, openConfigFolder } from "./config-folder.js";
import { demoEnvironment } from "./environment.js";
import { startScriptedModel } from "./model/index.js";

/** The `[plugins.demo]` section, validated, with defaults. */
export interface DemoConfig {
  readonly config_dir?: string;
  readonly port: number;
  readonly latency_ms: number;
}

export default definePlugin<DemoConfig>({
  name: "demo",
  apiVersion: 1,
  configSchema,
  // A fixed port must be released before the next instance can bind it.
  exclusive: "node",
  needsLogin: false,
  async apply(kernel, config) {
    const folder = await openConfigFolder(config.config_dir ?? join(kernel.storage, "claude"));
    const model = await startScriptedModel({
      port: config.port,
      latencyMs: config.latency_ms,
      onUnknown: (method, path) =>
        kernel.log.warn({ method, path }, "the scripted model does not support this request"),
    });
    kernel.onDispose(() => model.close());
    kernel.hooks.spawn.tapPromise("scripted-model", async (plan) => {
      const configDir = await folderInsteadOf(plan.env["CLAUDE_CONFIG_DIR"], folder);
      return { ...plan, env: demoEnvironment(plan.env, { url: model.url, configDir }) };
    });
    kernel.notice("demo: answers come from a script on this machine, not from Claude; nothing is billed");
  },
});
