import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { type Config, isObject, schemaOf, validate } from "@claudeway/schemas";
import { checkAccounts, credentialsIn } from "./accounts.js";
import { type ClusterSettings, settleCluster } from "./cluster.js";
import { type Arguments, flagNames, parseArguments, peekArguments } from "./command-line.js";
import { ConfigError } from "./errors.js";
import { type ConfigFile, type NamedFile, readConfigFile } from "./file.js";
import { helpText, versionText } from "./help.js";
import { checkConfigFolders } from "./key-environment.js";
import {
  type ApiKey,
  checkKeyLimits,
  generateKey,
  type KeyLimits,
  parseKeys,
  readKeySections,
} from "./keys.js";
import { processesThatFit } from "./memory.js";
import { additionsOf, type PluginCommand, type PluginDeclaration } from "./plugin-settings.js";
import { type PluginValues, pluginValues } from "./plugin-values.js";
import { choosePlugins, type PluginChoices, peekPlugins, pluginSectionsIn } from "./plugins.js";
import { checkProxies } from "./proxies.js";
import { fileSettings } from "./settings.js";
import { readText } from "./text.js";
import { type Environment, isEveryday, substituteVariables, type UsedVariable } from "./variables.js";

/** The inputs of a configuration. */
export interface Sources {
  /** The arguments, without the programs that run them: `process.argv.slice(2)`. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** The directory that relative paths start from. */
  readonly cwd: string;
  /** The parsed content of a configuration file; if set, no file is read. */
  readonly tree?: unknown;
  /** Reads what the installed plugins, and those at these paths or in these packages, say about themselves. */
  readonly plugins?: (named: readonly string[]) => readonly PluginDeclaration[];
}

/** Print the text and exit. */
export interface Print {
  readonly command: "print";
  /** Ends with a newline. */
  readonly text: string;
}

/** A command that needs no configuration. */
export interface StandaloneCommand {
  readonly command: "init" | "create-plugin";
  readonly args: readonly string[];
  /** The value of `--config` or `CLAUDEWAY_CONFIG`. */
  readonly file: string | undefined;
}

/** The settings, named as in the file. Folders are absolute paths, and `engine.max_running` is resolved from 0. */
export type Settings = Omit<Config, "keys" | "plugins" | "cluster"> & {
  readonly cluster?: ClusterSettings;
};

/** A configuration that passed every check that needs no other input. */
export interface LoadedConfig extends PluginChoices {
  readonly command: "serve" | "check" | "backup" | "restore" | "copy-ledger" | "login" | "nodes" | "plugin";
  readonly args: readonly string[];
  /** The command of a plugin that was given; `args` is everything after it. */
  readonly pluginCommand: Pick<PluginCommand, "plugin" | "name"> | undefined;
  /** Installed plugins that are off and cannot be read, one line each. */
  readonly pluginProblems: readonly string[];
  readonly force: boolean;
  /** The absolute path of the file, if one was read. */
  readonly file: string | undefined;
  readonly config: Settings;
  /** The source of each setting, for messages: its flag, variable or place in the file; of a default, its flag. */
  readonly origins: Readonly<Record<string, string>>;
  /** The first is the admin's. */
  readonly keys: readonly ApiKey[];
  /** `[keys.<id>]`, without secrets. */
  readonly keyLimits: KeyLimits;
  /** True if no key was configured: `keys` has a generated one that must be printed. */
  readonly generated: boolean;
  /** Names of variables with secrets; they are removed from the environment of child processes. */
  readonly secretEnv: readonly string[];
  /** The secrets themselves; never print them. */
  readonly secrets: readonly string[];
}

/** One source of settings, already validated. */
interface Layer {
  readonly values: Readonly<Record<string, unknown>>;
  readonly keys: readonly ApiKey[] | undefined;
  readonly keyLimits?: KeyLimits;
  /** The name of each given setting in this source. */
  readonly origins: Readonly<Record<string, string>>;
}

/** Merges defaults, file, environment and flags (later sources override earlier ones); throws a `ConfigError`. */
export function loadConfig(sources: Sources): LoadedConfig | StandaloneCommand | Print {
  const { additions, enabled, problems } = findAdditions(sources);
  const given = parseArguments(sources.argv, sources.env, additions);
  const { command, args, commandLine, file, pluginCommand } = given;
  if (command === "help" || wantsHelp(given)) {
    return { command: "print", text: helpText(given, additions) };
  }
  if (commandLine.version) return { command: "print", text: versionText() };
  if (command === "init" && commandLine.force)
    throw new ConfigError("init: asks questions, so --force is not allowed");
  if (command === "init" || command === "create-plugin") {
    return { command, args, file: file?.path };
  }
  const own = () => pluginValues(given.pluginSettings, additions, { env: sources.env, enabled });
  return { command, args, pluginCommand, pluginProblems: problems, ...loadSettings(given, sources, own) };
}

/** Whether a flag asks for the help, also after the command of a plugin. */
function wantsHelp({ commandLine, pluginCommand, args }: Arguments): boolean {
  if (commandLine.help) return true;
  return pluginCommand !== undefined && args.some((word) => word === "--help" || word === "-h");
}

/** What installed and named plugins add to flags, variables and commands. */
function findAdditions({ argv, env, cwd, tree, plugins = () => [] }: Sources) {
  const { commandLine, file } = peekArguments(argv, env, additionsOf(plugins([]), []));
  const sections = pluginSectionsIn(tree ?? readableTree(file, cwd));
  const { named, isEnabled } = peekPlugins(sections, commandLine);
  const declarations = plugins(named);
  const enabled = declarations.filter(isEnabled).map(({ name }) => name);
  const problems = declarations.flatMap(({ problem }) => problem ?? []);
  return { additions: additionsOf(declarations, enabled), enabled, problems };
}

/** A file with a fault is reported when it is read for its settings; the help needs none. */
function readableTree(named: NamedFile | undefined, cwd: string): unknown {
  try {
    return readConfigFile(named, cwd)?.tree;
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

function loadSettings(
  { commandLine, settings, file: named, command }: Arguments,
  { env, cwd, tree }: Sources,
  readOwn: () => PluginValues,
) {
  const file = tree === undefined ? readConfigFile(named, cwd) : { path: undefined, shown: "config", tree };
  const own = readOwn();
  const { layer: fileLayer, used } = readFileLayer(file, env, command === "plugin");
  const layers = [fileLayer, readEnvironment(env), checkLayer(settings, flagNames(fileSettings()))];
  const { keys: _keys, plugins, cluster: section, ...config } = merge(layers);
  const given = layers.findLast((layer) => layer.keys !== undefined)?.keys;
  const keys = given ?? [generateKey()];
  checkProxies(config.trusted_proxies, `${file?.shown}: trusted_proxies`);
  const { keyLimits = {} } = fileLayer;
  checkKeyLimits(keyLimits, keys, `${file?.shown}: keys`);
  checkConfigFolders(keyLimits, `${file?.shown}: keys`);
  checkAccounts(config, keyLimits, file?.shown);
  const cluster = settleCluster(section, {
    generated: given === undefined,
    ledgerUrl: config.ledger_url,
    where: `${file?.shown}: [cluster]`,
  });
  return {
    force: commandLine.force,
    file: file?.path,
    config: settle({ ...config, ...(cluster !== undefined && { cluster }) }, cwd),
    origins: Object.assign(flagNames(fileSettings()), ...layers.map(({ origins }) => origins)),
    keys,
    keyLimits,
    generated: given === undefined,
    ...choosePlugins(plugins, commandLine, own),
    ...listSecrets(
      env,
      [...used, ...own.used],
      [...secretsIn(layers, keys, env), ...own.secrets],
      credentialsIn(keyLimits, config.accounts),
    ),
  };
}

function readFileLayer(
  file: Pick<ConfigFile, "shown" | "tree"> | undefined,
  env: Environment,
  withoutPlugins: boolean,
): { layer: Layer; used: readonly UsedVariable[] } {
  if (file === undefined) return { layer: { values: {}, keys: undefined, origins: {} }, used: [] };
  const { shown } = file;
  const { tree, used } = substituteVariables(file.tree, {
    file: shown,
    schema: schemaOf("config"),
    env,
    withoutPlugins,
  });
  const secrets = used.map(({ value }) => value);
  return { layer: checkLayer(tree, {}, { secrets, prefix: `${shown}: ` }), used };
}

function readEnvironment(env: Environment): Layer {
  const settings = fileSettings().filter(
    (setting) => setting.env !== undefined && env[setting.env] !== undefined,
  );
  const values = settings.map(({ key, env: name = "", types }) => [key, readText(env[name] ?? "", types)]);
  return checkLayer(
    Object.fromEntries(values),
    Object.fromEntries(settings.map(({ key, env: name = key }) => [key, name])),
  );
}

/** Validates one source on its own, so that an error can name the source. */
function checkLayer(
  values: unknown,
  names: Readonly<Record<string, string>>,
  { secrets = [], prefix = "" }: { readonly secrets?: readonly string[]; readonly prefix?: string } = {},
): Layer {
  const checked = validate("config", values, { names, secrets, noun: "setting" });
  if (!checked.ok) throw new ConfigError(`${prefix}${checked.message}`);
  const { keys } = checked.value;
  const { keys: name = "keys" } = names;
  // Without the defaults, which must not override an earlier source.
  const given = isObject(values) ? values : {};
  return {
    values: given,
    origins: Object.fromEntries(Object.keys(given).map((key) => [key, `${prefix}${names[key] ?? key}`])),
    ...readKeys(keys, `${prefix}${name}`),
  };
}

function readKeys(keys: Config["keys"], where: string): Pick<Layer, "keys" | "keyLimits"> {
  if (keys === undefined) return { keys: undefined };
  if (typeof keys === "string" || Array.isArray(keys)) return { keys: parseKeys(keys, where) };
  const sections = readKeySections(keys, where);
  return { keys: sections.keys, keyLimits: sections.limits };
}

function merge(layers: readonly Layer[]): Config {
  const merged = validate("config", Object.assign({}, ...layers.map(({ values }) => values)));
  if (!merged.ok) throw new ConfigError(merged.message);
  return merged.value;
}

function settle(config: Settings, cwd: string): Settings {
  const { claude_bin, engine } = config;
  return {
    ...config,
    workdir: resolve(cwd, config.workdir),
    log_dir: resolve(cwd, config.log_dir),
    data_dir: resolve(cwd, config.data_dir),
    // A bare name is resolved on the PATH.
    ...(claude_bin?.includes("/") ? { claude_bin: resolve(cwd, claude_bin) } : {}),
    engine: settleEngine(engine),
  };
}

function settleEngine(engine: Config["engine"]): Config["engine"] {
  const max_running = engine.max_running || 4 * availableParallelism();
  const max_processes = engine.max_processes || Math.max(max_running, processesThatFit());
  const max_background = engine.max_background || Math.floor(max_processes / 2);
  return { ...engine, max_running, max_processes, max_background };
}

function secretsIn(layers: readonly Layer[], keys: readonly ApiKey[], env: Environment): string[] {
  const everyKey = [...layers.flatMap((layer) => layer.keys ?? []), ...keys].map(({ secret }) => secret);
  const sections = layers.flatMap(({ values }) => (isObject(values["cluster"]) ? [values["cluster"]] : []));
  const urls = [...layers.map(({ values }) => values["ledger_url"]), ...sections.map(({ url }) => url)];
  const texts = urls.filter((url) => typeof url === "string");
  const shared = sections.map(({ secret }) => secret).filter((secret) => typeof secret === "string");
  // The driver reads it where the URL has no password.
  const password = texts.length > 0 && env["PGPASSWORD"];
  return [...everyKey, ...texts, ...texts.flatMap(passwordsIn), ...(password ? [password] : []), ...shared];
}

function listSecrets(
  env: Environment,
  used: readonly UsedVariable[],
  given: readonly string[],
  credentials: readonly string[],
) {
  const hidden = used.filter(({ secret }) => secret);
  const values = [...given, ...hidden.map(({ value }) => value), ...credentials].filter(
    (value) => value !== "",
  );
  const ofSettings = fileSettings().flatMap(({ env: name, isSecret }) =>
    isSecret && name !== undefined ? [name] : [],
  );
  const names = [...ofSettings, ...hidden.map(({ name }) => name), ...variablesWith(given, env)];
  return { secretEnv: [...new Set(names)], secrets: [...new Set(values)] };
}

/** The password of a database's URL, as it is written there and as it is meant. */
function passwordsIn(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { password } = new URL(url);
  return [password, decoded(password)];
}

/** The driver accepts percent signs that stand for themselves. */
function decoded(password: string): string {
  try {
    return decodeURIComponent(password.replaceAll(/%(?![0-9a-f]{2})/gi, "%25"));
  } catch {
    return password;
  }
}

/** Finds variables that contain a secret: `--keys "$MY_KEYS"` leaves the keys in one whose name is not configured. */
function variablesWith(secrets: readonly string[], env: Environment): string[] {
  // A secret as short as a word would match unrelated variables.
  const distinctive = secrets.filter((secret) => secret.length >= 8);
  return Object.keys(env).filter(
    (name) => !isEveryday(name) && distinctive.some((secret) => env[name]?.includes(secret)),
  );
}
