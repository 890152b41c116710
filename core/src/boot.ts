import type { LoadedConfig } from "@claudeway/config";
import type { Logger } from "pino";
import { Control, selectionOf } from "./control.js";
import { ClaudeEngine } from "./engine/claude.js";
import { childEnvironment } from "./engine/environment.js";
import { type ClaudeExecutable, findClaude, versionOf } from "./engine/executable.js";
import { endMarked } from "./engine/reaper.js";
import { messageOf } from "./errors.js";
import { Gateway } from "./gateway.js";
import { installationId } from "./installation.js";
import type { ListenAddress } from "./kernel/hooks.js";
import { Kernel } from "./kernel/kernel.js";
import { openAudit } from "./ledger/audit.js";
import { openLedger } from "./ledger/sqlite-ledger.js";
import { createOffers } from "./offers.js";
import { choosePosture, type PostureChoice } from "./posture.js";
import { bookLostTurns } from "./turns/lost.js";

/** Prefixes that the gateway's own routes take. */
const OWN_PREFIXES = ["/health", "/models", "/task", "/session", "/sessions", "/turns"];

/** A gateway that listens. */
export interface RunningGateway {
  readonly address: ListenAddress;
  readonly claude: ClaudeExecutable & { readonly version: string };
  readonly posture: PostureChoice;
  readonly kernel: Kernel;
  readonly control: Control;
  /** Drains and ends everything; a second call cuts the grace short. Never rejects. */
  close(): Promise<void>;
}

export interface BootOptions {
  readonly loaded: LoadedConfig;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly log: Logger;
  /** Reads the configuration again, from the same flags and variables. Throws a ConfigError. */
  readonly read: () => LoadedConfig;
}

/** Opens everything, in the order of dependence. When a step fails, the ones before are undone, and it rejects. */
export async function boot(options: BootOptions): Promise<RunningGateway> {
  const opened = new Opened(options.log);
  try {
    return await open(options, opened);
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function open(options: BootOptions, opened: Opened): Promise<RunningGateway> {
  const { loaded, version, env, cwd, log, read } = options;
  const { config } = loaded;
  const executable = findClaude(config.claude_bin);
  const claude = { ...executable, version: await versionOf(executable) };
  const posture = choosePosture(config.no_permissions_bypass, env);

  const ledger = await openLedger({ dataDir: config.data_dir });
  opened.add("ledger", () => ledger.close());
  const installation = installationId(config.data_dir);
  const audit = openAudit({ dir: config.log_dir, log });
  opened.add("audit log", () => audit.close());
  await endMarked(installation);
  await bookLostTurns({ ledger, audit, log });

  const kernel = new Kernel({ log, cwd, reservedPrefixes: OWN_PREFIXES });
  opened.add("plugins", () => kernel.close());
  const engine = new ClaudeEngine({ executable: claude.path, posture: posture.posture, installation, log });
  opened.add("engine", () => engine.close());
  const childEnv = childEnvironment(env, loaded.secretEnv, loaded.secrets);
  const spawn = (workdir: string) => ({
    command: claude.path,
    args: [],
    env: childEnv,
    cwd: workdir,
    options: {},
  });
  const gateway = new Gateway({ version, loaded, spawn }, { kernel, engine, ledger, audit, log });
  const control = new Control({ version, loaded, kernel, gateway, engine, read });
  kernel.offer(createOffers({ ledger, control, sessions: gateway.sessions, turns: gateway.turns }));
  await kernel.enable(selectionOf(loaded));
  opened.add("gateway", () => gateway.close());
  const address = await gateway.listen();
  const close = () => {
    void gateway.close();
    return opened.close();
  };
  return { address, claude, posture, kernel, control, close };
}

/** What has been opened, to be closed in the opposite order. */
class Opened {
  readonly #closers: { readonly what: string; readonly close: () => Promise<void> }[] = [];
  #closed: Promise<void> | undefined;

  constructor(private readonly log: Logger) {}

  add(what: string, close: () => Promise<void>): void {
    this.#closers.push({ what, close });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const { what, close } of this.#closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        this.log.error({ err: error }, `closing the ${what} failed: ${messageOf(error)}`);
      }
    }
  }
}
