/** The plugin API. */
export type {
  Agent,
  Agents,
  ApprovedCall,
  AuditLine,
  BackgroundTask,
  ContentBlock,
  ErrorCode,
  FailureCode,
  LostTask,
  McpServer,
  McpServers,
  Metadata,
  PermissionDenial,
  Thinking,
  Tokens,
  TurnResponse,
} from "@claudeway/schemas";
export { describeCall } from "./approvals/describe.js";
export { spellHidden } from "./approvals/shown.js";
export { Refusal, type RefusalOptions } from "./errors.js";
export { runNamesIn } from "./files/run-files.js";
export { type Pages, pageRouter } from "./http/pages.js";
export type {
  ApprovalDesk,
  Approvals,
  Capabilities,
  GatewayControl,
  GatewayPaths,
  LedgerView,
  Load,
  NewSessionRequest,
  PluginStatus,
  PluginTaskRequest,
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
} from "./kernel/hooks.js";
export {
  type Answer,
  definePlugin,
  type JSONSchema,
  type MountOptions,
  type Need,
  type PathsObject,
  type Plugin,
  type PluginScope,
  type PluginSetup,
  type RouteContext,
  type RouteState,
  type Scope,
  type ScopedHook,
  type ScopedHooks,
  type SetupTerminal,
} from "./kernel/plugin.js";
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
} from "./ports/approvals.js";
export type { PromptText } from "./ports/conversations.js";
export type {
  ChildNote,
  ModelTotals,
  SessionTotals,
  SpawnOptions,
  SpawnPlan,
  TotalsByModel,
  UnreportedMessage,
} from "./ports/engine.js";
export type {
  CostGrouping,
  CostPeriod,
  EndedTurn,
  Instant,
  KeyCost,
  KeyTotals,
  ModelTotalsRow,
  NewSession,
  NewTurn,
  Overview,
  PromptMark,
  SessionFilter,
  SessionPage,
  SessionRecord,
  Totals,
  TurnPage,
  TurnRecord,
} from "./ports/ledger.js";
export type { Effort, TurnOptions } from "./ports/options.js";
export type { PageQuery } from "./ports/page.js";
export type {
  Caller,
  ModelShare,
  ParkedTurn,
  TurnEnd,
  TurnEvent,
  TurnInfo,
  TurnOrigin,
  TurnOutcome,
  TurnPlan,
  TurnUsage,
} from "./ports/turns.js";
export { mayRunRepositoryCode } from "./repositories/commands.js";
export type { Frame, TextMode } from "./turns/stream.js";
