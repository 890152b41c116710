/** Plugins: what they may do (hooks, capabilities, scope), and how they are found, started, called and ended. */

export { checkCaller } from "./calling/answers.js";
export { inWords } from "./calling/deadline.js";
export type { CallWatch, TapOwner } from "./calling/guard.js";
export type { MeterLimits } from "./calling/meter.js";
export type { ApprovalDesk, Approvals, Capabilities, PluginServices } from "./capabilities.js";
export { checkHistory, toPrompt } from "./content.js";
export { describeFault, oneLine } from "./faults.js";
export type {
  DescribedPage,
  GatewayControl,
  GatewayPaths,
  Load,
  PluginStatus,
  QueueSize,
  ReloadReport,
} from "./gateway-control.js";
export type {
  CompletedRequest,
  Credentials,
  HookName,
  Hooks,
  KeyDescription,
  ListenAddress,
  RequestHead,
  RequestInfo,
  SessionInfo,
} from "./hooks.js";
export type { KernelLimits } from "./instance.js";
export { JsonTexts } from "./json-texts.js";
export { Kernel, type KernelOptions } from "./kernel.js";
export { KeyLimitTable } from "./key-limits.js";
export type { ConfiguredKey, KeyLimit, Keys } from "./keys.js";
export { ALONE } from "./leading.js";
export type { LedgerLine, LedgerView } from "./ledger-view.js";
export type { CommandManifest, PluginManifest } from "./loading/declarations.js";
export { type LoadedPlugin, PluginLoader, type PluginSource } from "./loading/loader.js";
export { compileConfigSchema } from "./loading/plugin-config.js";
export type { CheckedPlugin, PluginSelection } from "./loading/selection.js";
export { fieldOf, fieldsOf, type OptionChanges, type OptionFields, optionsOf } from "./option-fields.js";
export {
  type Answer,
  type AnyPlugin,
  type AnySetup,
  type CheckContext,
  type CheckFinding,
  type CorsOptions,
  definePlugin,
  type JSONSchema,
  type MountError,
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
} from "./plugin.js";
export { runPluginCheck } from "./plugin-check.js";
export {
  type CommandCall,
  type CommandRequest,
  defineCommand,
  type PluginCommand,
} from "./plugin-command.js";
export { openQuota, type Quota } from "./plugin-quota.js";
export {
  openPluginStore,
  type PluginStore,
  type StoreChange,
  type StoreEntry,
  type StoreListOptions,
  type StorePage,
  type StoreSetOptions,
} from "./plugin-store.js";
export { type ExtendedRequest, type RequestFields, switchOn } from "./request-fields.js";
export type { Mount, RouteTable } from "./routes.js";
export type { SessionFile, SessionsView, SessionTerminal } from "./sessions-view.js";
export { logStart, StartTimes } from "./start-times.js";
export type {
  NewSessionRequest,
  PluginTaskRequest,
  PromptRequest,
  SessionForkOptions,
  TurnHandle,
  TurnRunner,
} from "./turn-runner.js";
export { narrowed, type WideningField, wideningFields } from "./widening.js";
