import { KeyEnvironments, type LoadedConfig, shortSecretWarnings } from "@claudeway/config";
import {
  checkFolder,
  childEnvironment,
  chooseApprovalMode,
  explainListening,
  foldersOf,
  KnownSecrets,
  type NamedFolder,
  NOT_LOGGED_IN,
  openLog,
  pathsOf,
  selectionOf,
  tryAddress,
} from "@claudeway/core/host";
import { askLogin, findClaude, versionOf } from "@claudeway/engine-claude";
import { type CheckedPlugin, describeFault, Kernel, runPluginCheck } from "@claudeway/kernel";
import { findLedger, gatewayOf } from "@claudeway/ledger-sqlite";
import { databaseUrl } from "./database-url.js";
import { pluginWarnings } from "./plugin-warnings.js";
import { listensOn } from "./port-owner.js";
import { sharedLogins } from "./shared-logins.js";
import { toStandardError } from "./standard-streams.js";

/** The result of one check: what was found, or why the gateway would not start. */
export interface CheckLine {
  readonly name: string;
  readonly ok: boolean;
  /** True: the gateway starts, but the operator should read this. */
  readonly warning?: boolean;
  readonly text: string;
}

const LOGIN_UNCHECKED =
  "not checked: the plugins could not be loaded, and one of them may answer instead of Claude";

/** Checks everything a start needs, in the order of a start, without starting. */
export async function checkAll(
  loaded: LoadedConfig,
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<CheckLine[]> {
  const { file } = loaded;
  const secrets = new KnownSecrets(loaded);
  const plugins = checkPlugins(loaded, secrets, cwd);
  plugins.catch(() => undefined);
  const checks: readonly (readonly [string, () => Promise<string> | string])[] = [
    ["configuration", () => file ?? "no file; flags and variables only"],
    ["keys", () => describeKeys(loaded)],
    ["plugins", async () => (await plugins).map(({ name }) => name).join(", ") || "none"],
    ["claude", () => checkClaude(loaded, childEnvironment(env, secrets))],
    [
      "login",
      async () =>
        (await plugins.then(insteadOfClaude, () => LOGIN_UNCHECKED)) ??
        checkLogin(loaded, childEnvironment(env, secrets)),
    ],
    ["permissions", async () => describePermissions(loaded, env, await plugins.catch(() => []))],
    ...foldersOf(loaded).map((folder) => [folder.name, () => describeFolder(folder)] as const),
    ["ledger", () => describeLedger(loaded)],
    ["port", () => checkPort(loaded)],
  ];
  const lines: CheckLine[] = [];
  for (const [name, check] of checks) lines.push(await lineOf(name, check));
  const logins = sharedLogins(loaded, childEnvironment(env, secrets));
  lines.push(
    ...pluginWarnings(loaded, cwd).map((text) => ({ name: "plugins", ok: true, warning: true, text })),
  );
  lines.push(...logins.map((text) => ({ name: "shared login", ok: true, warning: true, text })));
  return [...lines, ...(await askPlugins(await plugins.catch(() => []), loaded, secrets))];
}

/** In ms. */
const PLUGIN_CHECK_MS = 10_000;

/** What enabled plugins say about what they need. */
async function askPlugins(
  plugins: readonly CheckedPlugin[],
  loaded: LoadedConfig,
  secrets: KnownSecrets,
): Promise<CheckLine[]> {
  const paths = pathsOf(loaded);
  const found = await Promise.all(plugins.map((one) => runPluginCheck(one, paths, PLUGIN_CHECK_MS)));
  return found.flat().map((line) => ({ ...line, text: secrets.redact(line.text) }));
}

async function describeLedger({ config }: LoadedConfig): Promise<string> {
  const url = databaseUrl(config);
  if (url === undefined) return findLedger(config.data_dir);
  const { findPostgres } = await import("@claudeway/ledger-postgres");
  return findPostgres(url, config.cluster === undefined ? "alone" : "shared");
}

function describeKeys({ generated, keys }: LoadedConfig): string {
  if (generated) return "none configured; one will be generated at each start";
  const ids = keys.map(({ id }) => id).join(", ");
  return [ids, ...shortSecretWarnings(keys)].join("; ");
}

export function formatChecks(lines: readonly CheckLine[]): string {
  const width = Math.max(...lines.map(({ name }) => name.length));
  return lines
    .map(
      ({ name, ok, warning, text }) =>
        `${ok ? (warning ? "warn" : "ok  ") : "FAIL"} ${name.padEnd(width)}  ${text}\n`,
    )
    .join("");
}

async function lineOf(name: string, check: () => Promise<string> | string): Promise<CheckLine> {
  try {
    return { name, ok: true, text: await check() };
  } catch (error) {
    return { name, ok: false, text: describeFault(error).split("\n", 1)[0] ?? "" };
  }
}

async function checkPlugins(
  loaded: LoadedConfig,
  secrets: KnownSecrets,
  cwd: string,
): Promise<readonly CheckedPlugin[]> {
  const kernel = new Kernel({ log: openLog("error", secrets, toStandardError()), secrets, cwd });
  try {
    return await kernel.check(selectionOf(loaded));
  } finally {
    await kernel.close();
  }
}

function insteadOfClaude(plugins: readonly CheckedPlugin[]): string | undefined {
  const found = plugins.find(({ plugin }) => plugin.needsLogin === false);
  return found && `not needed: the plugin ${found.name} answers instead of Claude`;
}

/** Plugins are not started, so a change that they make, such as running the CLI as another user, is unknown here. */
function describePermissions(
  { config }: LoadedConfig,
  env: NodeJS.ProcessEnv,
  plugins: readonly CheckedPlugin[],
): string {
  const { line } = chooseApprovalMode(config.no_permissions_bypass, env);
  const names = plugins.map(({ name }) => name).join(", ");
  return names === "" ? line : `${line} Plugins may change this when they start: ${names}.`;
}

async function checkClaude({ config, origins }: LoadedConfig, env: Record<string, string>): Promise<string> {
  const claude = findClaude(config.claude_bin, origins["claude_bin"]);
  return `${await versionOf(claude, env)} (${claude.path})`;
}

async function checkLogin(loaded: LoadedConfig, env: Record<string, string>): Promise<string> {
  const { config, origins } = loaded;
  const { path } = findClaude(config.claude_bin, origins["claude_bin"]);
  const login = await askLogin(path, { ...new KeyEnvironments(loaded).ofFirstAccount(env, undefined) });
  if (login !== undefined) return login;
  throw new Error(NOT_LOGGED_IN);
}

function describeFolder(folder: NamedFolder): string {
  return checkFolder(folder) ? folder.path : `${folder.path} (will be created)`;
}

async function checkPort(loaded: LoadedConfig): Promise<string> {
  const { host, port, data_dir } = loaded.config;
  try {
    await tryAddress(host, port);
    return port === 0 ? "any free port" : `${host}:${port} is free`;
  } catch (error) {
    const pid = gatewayOf(data_dir);
    if (pid !== undefined && listensOn(pid, port))
      return `${host}:${port} is in use by this gateway (pid ${pid})`;
    throw explainListening(error, loaded);
  }
}
