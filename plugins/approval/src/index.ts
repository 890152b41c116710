import { definePlugin } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import { type ApprovalConfig, createApprover } from "./approver.js";
import { warnOfUnknown } from "./deciders.js";
import { gatewayPaths } from "./gateway-paths.js";

export type { ApprovalConfig } from "./approver.js";

export default definePlugin<ApprovalConfig, "control">({
  name: "approval",
  apiVersion: 1,
  configSchema,
  needs: ["control"],
  apply(kernel, config) {
    if (config.deciders !== undefined) warnOfUnknown(config.deciders, kernel);
    const answer = createApprover(config, gatewayPaths(kernel.control));
    kernel.hooks.approve.tapPromise("rules", async (call) => {
      const { verdict, rule } = await answer(call);
      kernel.log.debug({ tool: call.tool, verdict: verdict.verdict, rule }, "the rules decided a tool call");
      return verdict;
    });
  },
});
