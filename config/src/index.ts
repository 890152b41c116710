/** Claudeway's configuration: defaults, then the file, then the environment, then flags. */
export { ACCOUNT as ACCOUNT_VARIABLES } from "./accounts.js";
export { childEnvironment, claudeFolder, rememberedEnvironment } from "./child-environment.js";
export type { ClusterSettings } from "./cluster.js";
export { ConfigError } from "./errors.js";
export { VERSION } from "./help.js";
export { type ChosenAccount, configFoldersOfKeys, KeyEnvironments } from "./key-environment.js";
export {
  type ApiKey,
  generateKey,
  isKeyId,
  isShortSecret,
  KEY_ID_FORM,
  type KeyLimits,
  shortSecretWarnings,
} from "./keys.js";
export { KnownSecrets } from "./known-secrets.js";
export {
  type LoadedConfig,
  loadConfig,
  type Print,
  type Settings,
  type Sources,
  type StandaloneCommand,
} from "./load.js";
export type { PluginCommand, PluginCommandForm, PluginDeclaration } from "./plugin-settings.js";
export { readText, splitList } from "./text.js";
export { configText, type WrittenPlugin } from "./written.js";
