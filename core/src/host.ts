/**
 * The API for programs that assemble a gateway: the command, engines, ledgers and the test kit. Not part of the plugin
 * API.
 */

export { LedgerError, messageOf } from "@claudeway/ports";
export { chooseApprovalMode } from "./approval-mode.js";
export { isSameCall } from "./approvals/verdict.js";
export { type BootOptions, boot, type Distribution, OWN_PREFIXES, type RunningGateway } from "./boot.js";
export { childEnvironment, claudeFolder } from "./child-environment.js";
export { selectionOf } from "./control.js";
export { checkFolder, foldersOf, type NamedFolder } from "./folders.js";
export { explainListening, tryAddress } from "./http/address.js";
export type { CallWatch, TapOwner } from "./kernel/calling/guard.js";
export type { MeterLimits } from "./kernel/calling/meter.js";
export type { Approvals, PluginServices, PluginStatus, ReloadReport } from "./kernel/capabilities.js";
export { describeFault, oneLine } from "./kernel/faults.js";
export type { KernelLimits } from "./kernel/instance.js";
export { Kernel } from "./kernel/kernel.js";
export { type LoadedPlugin, PluginLoader, type PluginSource } from "./kernel/loading/loader.js";
export { compileConfigSchema } from "./kernel/loading/plugin-config.js";
export type { CheckedPlugin, PluginSelection } from "./kernel/loading/selection.js";
export type { AnyPlugin, AnySetup, JSONSchema, SetupTerminal } from "./kernel/plugin.js";
export { openLog } from "./log.js";
export { makeFolder } from "./make-folder.js";
export { KnownSecrets } from "./secrets.js";
export { NO_USAGE } from "./turns/usage.js";
export { unlessAborted } from "./unless-aborted.js";
