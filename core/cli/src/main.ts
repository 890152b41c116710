import {
  ConfigError,
  type LoadedConfig,
  loadConfig,
  type StandaloneCommand,
  VERSION,
} from "@claudeway/config";
import {
  type BootOptions,
  boot,
  explainListening,
  KnownSecrets,
  openLog,
  type RunningGateway,
} from "@claudeway/core/host";
import { describeFault, PluginLoader, type PluginManifest } from "@claudeway/kernel";
import type { Logger } from "pino";
import { banner } from "./banner.js";
import { DISTRIBUTION } from "./distribution.js";
import { tellGeneratedKey } from "./generated-key.js";
import { endWithNpx } from "./npx.js";
import { pluginWarnings } from "./plugin-warnings.js";
import { ServiceManager } from "./service-manager.js";
import { SetupCancelled } from "./setup/cancelled.js";
import { init, isFirstRun, setUp } from "./setup/setup.js";
import { type EarlySignals, endBeforeStart, followByDefault, followSignals, leave } from "./signals.js";
import { surviveUnwritable, toStandardError } from "./standard-streams.js";

/** The command: flags → configuration → gateway → listen → drain. Sets the exit status; never rejects. */
export async function main(
  argv: readonly string[],
  early: EarlySignals = { seen: [], release: () => undefined },
): Promise<void> {
  let command: string | undefined;
  try {
    const loaded = loadConfig(sources(argv));
    command = loaded.command;
    // Ctrl-C cancels the setup like any other command.
    if (loaded.command !== "serve" || isFirstRun(loaded)) await followByDefault(early);
    if (loaded.command === "print") process.stdout.write(loaded.text);
    else if (loaded.command === "serve")
      await serve(await withSetup(loaded, argv), () => readAgain(argv), early);
    else if (loaded.command === "init") await init(loaded, process.env, process.cwd());
    else if (loaded.command === "check") await check(loaded);
    else if (loaded.command === "create-plugin") await create(loaded);
    else if (loaded.command === "backup") await backUp(loaded);
    else if (loaded.command === "restore") await restoreBackup(loaded);
    else if (loaded.command === "copy-ledger") await copy(loaded);
    else if (loaded.command === "login") await logInTo(loaded);
    else if (loaded.command === "nodes") process.stdout.write(await listNodes(loaded));
    else if (loaded.command === "plugin") await runPlugins(loaded);
  } catch (error) {
    process.stderr.write(`claudeway: ${describeFault(error).split("\n")[0]}\n`);
    process.exitCode = statusOf(error, command);
  }
}

/** The exit status that a shell reports for a program ended by SIGINT. */
const INTERRUPTED = 130;
/** EX_CONFIG of sysexits.h: a restart cannot succeed until the configuration is changed. */
const CONFIG_FAULT = 78;

/** `command` is undefined if the arguments or the file could not be read. */
function statusOf(error: unknown, command: string | undefined): number {
  if (error instanceof SetupCancelled) return INTERRUPTED;
  const starting = command === undefined || command === "serve";
  return starting && error instanceof ConfigError ? CONFIG_FAULT : 1;
}

/** On a first start, runs the setup and continues with its result. */
async function withSetup(loaded: LoadedConfig, argv: readonly string[]): Promise<LoadedConfig> {
  if (!isFirstRun(loaded)) return loaded;
  await setUp({ cwd: process.cwd(), hasKeys: !loaded.generated });
  return readAgain(argv);
}

async function check(loaded: LoadedConfig): Promise<void> {
  const { checkAll, formatChecks } = await import("./check.js");
  const lines = await checkAll(loaded, process.env, process.cwd());
  process.stdout.write(formatChecks(lines));
  if (lines.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function create({ args: [name = ""] }: StandaloneCommand): Promise<void> {
  const { createPlugin } = await import("./create-plugin.js");
  process.stdout.write(await createPlugin(name, process.cwd()));
}

async function backUp(loaded: LoadedConfig): Promise<void> {
  const { backup } = await import("./backup.js");
  process.stdout.write(await backup(loaded, process.cwd()));
}

async function restoreBackup(loaded: LoadedConfig): Promise<void> {
  const { restore } = await import("./backup.js");
  process.stdout.write(await restore(loaded, process.cwd()));
}

async function copy(loaded: LoadedConfig): Promise<void> {
  const { copyLedgerTo } = await import("./copy-ledger.js");
  process.stdout.write(await copyLedgerTo(loaded));
}

async function logInTo(loaded: LoadedConfig): Promise<void> {
  const { logIn } = await import("./login-command.js");
  process.exitCode = await logIn(loaded, process.env);
}

async function listNodes(loaded: LoadedConfig): Promise<string> {
  const { nodesOf } = await import("./nodes-command.js");
  return nodesOf(loaded);
}

async function runPlugins(loaded: LoadedConfig): Promise<void> {
  const { runPluginCommand } = await import("./plugin-command.js");
  process.exitCode = await runPluginCommand(loaded, { manifests, env: process.env });
}

/** Those that the arguments were read with. */
let manifests: readonly PluginManifest[] = [];

function readManifests(named: readonly string[]): readonly PluginManifest[] {
  manifests = new PluginLoader({ cwd: process.cwd() }).manifests(named);
  return manifests;
}

function sources(argv: readonly string[]) {
  return { argv, env: process.env, cwd: process.cwd(), plugins: readManifests };
}

function readAgain(argv: readonly string[]): LoadedConfig {
  const loaded = loadConfig(sources(argv));
  if (loaded.command !== "serve") throw new ConfigError("the arguments must be those of serve");
  return loaded;
}

async function serve(loaded: LoadedConfig, read: () => LoadedConfig, early: EarlySignals): Promise<void> {
  const { config, keys } = loaded;
  const secrets = new KnownSecrets(loaded);
  const log = openLog(config.log_level, secrets, toStandardError());
  surviveUnwritable(log);
  const service = await ServiceManager.open(process.env, log);
  const ending = await endBeforeStart(early);
  if (ending !== undefined) {
    log.info(`${ending}: stopped before the start`);
    return;
  }
  for (const warning of pluginWarnings(loaded, process.cwd())) log.warn(secrets.redact(warning));
  const starting = listen({ loaded, secrets, log, read });
  followSignals(starting, { log, service });
  endWithNpx(process.env);
  early.release();
  survivePlugins(starting, log);
  const gateway = await starting;
  const keyFile = await tellKey(gateway, loaded, log);
  service.ready(`Listening on ${gateway.address.url}`);
  process.stdout.write(banner(VERSION, gateway, keys, keyFile));
  // The CLI needs a moment to say it, for which nothing else waits.
  const warning = await gateway.loginWarning;
  if (warning !== undefined) process.stdout.write(`  Warning: ${warning}\n`);
}

/** Shows a generated key; see `tellGeneratedKey`. A gateway whose key would be unknown is closed. */
async function tellKey(
  gateway: RunningGateway,
  { keys: [admin], generated, config }: LoadedConfig,
  log: Logger,
): Promise<string | undefined> {
  if (!generated || admin === undefined) return undefined;
  try {
    return tellGeneratedKey(admin, { url: gateway.address.url, dataDir: config.data_dir, log });
  } catch (error) {
    await gateway.close();
    leave(log);
    throw error;
  }
}

async function listen(
  given: Pick<BootOptions, "loaded" | "secrets" | "log" | "read">,
): Promise<RunningGateway> {
  try {
    const showPublicUrl = (url: string) => void process.stdout.write(`Public address: ${url}\n`);
    return await boot({
      ...given,
      version: VERSION,
      distribution: DISTRIBUTION,
      env: process.env,
      cwd: process.cwd(),
      showPublicUrl,
    });
  } catch (error) {
    throw explainListening(error, given.loaded);
  }
}

/**
 * Handles uncaught errors. An error from a plugin's own timer is logged with the plugin's name, and the gateway continues.
 * After any other uncaught exception the state is unknown, so the gateway closes; other unhandled rejections are only logged.
 * Errors during the start are handled after it.
 */
function survivePlugins(starting: Promise<RunningGateway>, log: Logger): void {
  process.on("unhandledRejection", async (error) => {
    const gateway = await starting.catch(() => undefined);
    if (!gateway?.kernel.blame(error, "rejection")) log.error({ err: error }, "unhandled promise rejection");
  });
  process.on("uncaughtException", async (error) => {
    const gateway = await starting.catch(() => undefined);
    if (gateway?.kernel.blame(error, "exception")) return;
    log.fatal({ err: error }, "uncaught error; closing");
    process.exitCode = 1;
    await gateway?.close();
    leave(log);
  });
}
