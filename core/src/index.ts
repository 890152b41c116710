/** The API that plugins are written against. */
export type {
  Approval,
  ApprovalFilter,
  ApprovalPage,
  ApprovalStatus,
  AskTerms,
  Decider,
  Decision,
  DecisionRecord,
  ToolCall,
  Verdict,
} from "./approvals/types.js";
export { Refusal, type RefusalOptions } from "./errors.js";
export type {
  CompletedRequest,
  HookName,
  Hooks,
  ListenAddress,
  RequestInfo,
  SpawnOptions,
  SpawnPlan,
} from "./kernel/hooks.js";
export {
  definePlugin,
  type JSONSchema,
  type MountOptions,
  type Need,
  type PathsObject,
  type Plugin,
  type PluginScope,
  type Scope,
  type ScopedHook,
  type ScopedHooks,
} from "./kernel/plugin.js";
export type {
  Caller,
  ModelShare,
  TurnEnd,
  TurnEvent,
  TurnInfo,
  TurnOutcome,
  TurnPlan,
  TurnUsage,
} from "./turns/types.js";
