/** The API that plugins are written against. */
export type { AuditLine, Tokens, TurnResponse } from "@claudeway/schemas";
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
  ApprovalDesk,
  GatewayControl,
  LedgerView,
  Load,
  NewSessionRequest,
  PromptRequest,
  ReloadReport,
  SessionsView,
  TurnHandle,
  TurnRunner,
} from "./kernel/capabilities.js";
export type {
  CompletedRequest,
  HookName,
  Hooks,
  ListenAddress,
  RequestInfo,
  SessionInfo,
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
  type PluginSetup,
  type Scope,
  type ScopedHook,
  type ScopedHooks,
  type SetupTerminal,
} from "./kernel/plugin.js";
export type { PluginStatus } from "./kernel/status.js";
export type {
  CostGrouping,
  CostPeriod,
  KeyTotals,
  ModelTotalsRow,
  Overview,
  SessionPage,
  SessionRecord,
  Totals,
  TurnPage,
  TurnRecord,
} from "./ledger/ledger.js";
export type { Frame } from "./turns/stream.js";
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
