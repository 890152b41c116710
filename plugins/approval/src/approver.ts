import type { ToolCall, Verdict } from "@claudeway/core";
import { compileRules, decide, type ProtectedPaths, type RuleConfig } from "./rules/index.js";

/** The `[plugins.approval]` section, validated, with defaults. */
export interface ApprovalConfig {
  readonly rules: readonly RuleConfig[];
  readonly live_wait_secs: number;
  readonly expires_secs: number;
  readonly max_hold_secs: number;
  /** If not set: every possible decider. */
  readonly deciders?: readonly string[];
}

/** A verdict and its rule; no rule if a default decided. */
export interface Answer {
  readonly verdict: Verdict;
  readonly rule: string | undefined;
}

/** Parses the rules and applies them to every call. Throws a one-line Error if a rule is invalid. */
export function createApprover(
  config: ApprovalConfig,
  guarded: ProtectedPaths,
): (call: Omit<ToolCall, "toolUseId">) => Promise<Answer> {
  const rules = compileRules(config.rules);
  const ask: Verdict = {
    verdict: "ask",
    liveWaitSecs: config.live_wait_secs,
    expiresSecs: config.expires_secs,
    maxHoldSecs: config.max_hold_secs,
    deciders: config.deciders,
  };
  return async (call) => {
    const ruling = await decide(call, rules, guarded);
    const { verdict, rule, message = "The gateway's rules refuse this call." } = ruling;
    if (verdict === "ask") return { verdict: ask, rule };
    return { verdict: verdict === "deny" ? { verdict, message } : { verdict }, rule };
  };
}
