/**
 * The API for programs that assemble a gateway: the command, engines, ledgers and the test kit. Not part of the plugin
 * API.
 */

export { childEnvironment, claudeFolder, KnownSecrets } from "@claudeway/config";
export { unlessAborted } from "@claudeway/scheduling";
export { makeFolder } from "@claudeway/workdirs";
export { chooseApprovalMode } from "./approval-mode.js";
export { isSameCall } from "./approvals/verdict.js";
export { type BootOptions, boot, type Distribution, OWN_PREFIXES, type RunningGateway } from "./boot.js";
export { pathsOf, selectionOf } from "./control.js";
export { checkFolder, foldersOf, type NamedFolder } from "./folders.js";
export { explainListening, tryAddress } from "./http/address.js";
export { whatToOpen } from "./http/plugin-paths.js";
export { openLog } from "./log.js";
export { NOT_LOGGED_IN } from "./login-watch.js";
export { NO_USAGE } from "./turns/usage.js";
