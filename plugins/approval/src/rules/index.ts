export { decide } from "./decide.js";
export { compileRules, type Rule, type RuleConfig } from "./ruleset.js";
export type { ProtectedPaths, RuleVerdict, Ruling, ToolCall } from "./types.js";
