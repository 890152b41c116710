import { ConfigError, type Errand, type LoadedConfig, loadConfig, VERSION } from "@claudeway/config";
import type { Logger } from "pino";
import { backup, restore } from "./backup.js";
import { banner, generatedKey } from "./banner.js";
import { type BootOptions, boot, type RunningGateway } from "./boot.js";
import { checkAll, formatChecks } from "./check.js";
import { createPlugin } from "./create-plugin.js";
import { messageOf } from "./errors.js";
import { explainListening } from "./http/address.js";
import { openLog } from "./log.js";
import { KnownSecrets } from "./secrets.js";
import { SetupCancelled } from "./setup/cancelled.js";
import { init, isFirstRun, setUp } from "./setup/setup.js";

/** The command: flags → configuration → gateway → listen → drain. Sets the exit status; never rejects. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    const loaded = loadConfig(sources(argv));
    if (loaded.command === "print") process.stdout.write(loaded.text);
    else if (loaded.command === "serve") await serve(await withSetup(loaded, argv), () => readAgain(argv));
    else if (loaded.command === "init") await init(loaded, process.env, process.cwd());
    else if (loaded.command === "check") await check(loaded);
    else if (loaded.command === "create-plugin") await create(loaded);
    else if (loaded.command === "backup") await say(backup(loaded, process.cwd()));
    else if (loaded.command === "restore") await say(restore(loaded, process.cwd()));
  } catch (error) {
    process.stderr.write(`claudeway: ${messageOf(error).split("\n")[0]}\n`);
    process.exitCode = error instanceof SetupCancelled ? INTERRUPTED : 1;
  }
}

/** What a shell answers for a program that SIGINT ended. */
const INTERRUPTED = 130;

/** A first start asks before it goes on with what was answered. */
async function withSetup(loaded: LoadedConfig, argv: readonly string[]): Promise<LoadedConfig> {
  if (!isFirstRun(loaded)) return loaded;
  await setUp({ cwd: process.cwd(), hasKeys: !loaded.generated });
  return readAgain(argv);
}

async function check(loaded: LoadedConfig): Promise<void> {
  const lines = await checkAll(loaded, process.env, process.cwd());
  process.stdout.write(formatChecks(lines));
  if (lines.some(({ ok }) => !ok)) process.exitCode = 1;
}

async function create({ args: [name = ""] }: Errand): Promise<void> {
  process.stdout.write(await createPlugin(name, process.cwd()));
}

async function say(text: Promise<string>): Promise<void> {
  process.stdout.write(await text);
}

function sources(argv: readonly string[]) {
  return { argv, env: process.env, cwd: process.cwd() };
}

function readAgain(argv: readonly string[]): LoadedConfig {
  const loaded = loadConfig(sources(argv));
  if (loaded.command !== "serve") throw new ConfigError("the flags are not those of a gateway");
  return loaded;
}

async function serve(loaded: LoadedConfig, read: () => LoadedConfig): Promise<void> {
  const { config, keys, generated } = loaded;
  const secrets = new KnownSecrets(loaded);
  const log = openLog(config.log_level, secrets);
  const starting = listen({ loaded, secrets, log, read });
  closeOnSignals(starting, log);
  survivePlugins(starting, log);
  const gateway = await starting;
  const [admin] = keys;
  if (generated && admin !== undefined) process.stderr.write(generatedKey(admin, gateway.address.url));
  process.stdout.write(banner(VERSION, gateway));
}

async function listen(
  given: Pick<BootOptions, "loaded" | "secrets" | "log" | "read">,
): Promise<RunningGateway> {
  try {
    const showPublicUrl = (url: string) => void process.stdout.write(`Public address: ${url}\n`);
    return await boot({
      ...given,
      version: VERSION,
      env: process.env,
      cwd: process.cwd(),
      showPublicUrl,
    });
  } catch (error) {
    throw explainListening(error, given.loaded);
  }
}

/**
 * The first signal drains; the second ends the turns at once; the third leaves the rest to the next start. One that comes
 * while the gateway starts is followed when it has started, so that what plugins have opened by then is tidied up.
 */
function closeOnSignals(starting: Promise<RunningGateway>, log: Logger): void {
  const close = () =>
    starting.then(
      (gateway) => gateway.close().then(() => leave(log)),
      () => undefined,
    );
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals++;
    log.info(
      `${signal}: ${["", "closing; running turns may finish", "ending the running turns"][signals] ?? "gone"}`,
    );
    if (signals > 2) process.exit(1);
    void close();
  };
  process.on(
    "SIGHUP",
    () =>
      void starting.then(
        (gateway) => reload(gateway, log),
        () => undefined,
      ),
  );
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
}

/**
 * What a plugin's own timer throws leaves the gateway as it was: it is named, and all goes on. After any other error that
 * nobody caught, nobody knows what state things are in. While the gateway starts, it is looked into when that is over.
 */
function survivePlugins(starting: Promise<RunningGateway>, log: Logger): void {
  process.on("unhandledRejection", async (error) => {
    const gateway = await starting.catch(() => undefined);
    if (!gateway?.kernel.blame(error, "rejection"))
      log.error({ err: error }, "a rejected promise that nothing handled");
  });
  process.on("uncaughtException", async (error) => {
    const gateway = await starting.catch(() => undefined);
    if (gateway?.kernel.blame(error, "exception")) return;
    log.fatal({ err: error }, "an error that nothing caught; closing");
    process.exitCode = 1;
    await gateway?.close();
    leave(log);
  });
}

/** Reads the configuration again: a fault in it changes nothing, and is told in one line. */
async function reload({ control }: RunningGateway, log: Logger): Promise<void> {
  try {
    // The kernel has told each plugin that failed.
    const { failed, ...report } = await control.reload();
    log.info({ ...report, failed: failed.length }, "SIGHUP: the configuration was read again");
  } catch (error) {
    log.error(`SIGHUP: refused, nothing was changed: ${messageOf(error)}`);
  }
}

/** The process ends by itself when nothing holds it; what a plugin left behind must not keep it for long. */
function leave(log: Logger): void {
  const timer = setTimeout(() => {
    log.warn(
      { resources: process.getActiveResourcesInfo() },
      "something was left open; leaving all the same",
    );
    process.exit();
  }, 2000);
  timer.unref();
}
