import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { compileRules, type RuleConfig } from "./rules/index.js";

/** The `[plugins.approval]` section, checked and with its defaults. */
export interface ApprovalConfig {
  readonly rules: readonly RuleConfig[];
  readonly live_wait_secs: number;
  readonly expires_secs: number;
  readonly max_hold_secs: number;
  /** Not set: the key, the admin, and every channel that is switched on. */
  readonly deciders?: readonly string[];
}

export default definePlugin<ApprovalConfig>({
  name: "approval",
  apiVersion: 1,
  configSchema,
  apply(_kernel, config) {
    compileRules(config.rules);
  },
});
