import { randomUUID } from "node:crypto";
import {
  ConfigError,
  childEnvironment,
  KeyEnvironments,
  type KnownSecrets,
  type LoadedConfig,
  rememberedEnvironment,
  shortSecretWarnings,
} from "@claudeway/config";
import {
  ALONE,
  type Approvals,
  Kernel,
  type KernelOptions,
  type ListenAddress,
  logStart,
  type PluginSelection,
  StartTimes,
} from "@claudeway/kernel";
import {
  type AuditLog,
  type Claim,
  type Cluster,
  type EngineSource,
  type Ledger,
  messageOf,
  type Ownership,
  type SharedTranscripts,
  type SpawnPlan,
  type TurnRecord,
} from "@claudeway/ports";
import { AccountLimits } from "@claudeway/scheduling";
import type { Logger } from "pino";
import { type ApprovalModeChoice, ASKING, approvalModeNow, chooseApprovalMode } from "./approval-mode.js";
import { ApprovalService } from "./approvals/approval-service.js";
import { LinkSigner } from "./approvals/links.js";
import { Control, selectionOf } from "./control.js";
import { foldersOf, prepareFolders, workdirLimits } from "./folders.js";
import { Gateway } from "./gateway.js";
import { tryAddress } from "./http/address.js";
import { installationId } from "./installation.js";
import { createPluginServices } from "./offers.js";
import { fileSecrets, ONE_NODE } from "./one-node.js";
import type { GatewayParts } from "./services.js";
import { loseBackground } from "./turns/background.js";
import { recordLostTurns, type WrittenSince, writeMissingLines } from "./turns/lost.js";

/** Prefixes of the gateway's own routes. */
export const OWN_PREFIXES = [
  "/health",
  "/ready",
  "/models",
  "/task",
  "/tasks",
  "/session",
  "/sessions",
  "/turns",
  "/approvals",
  // Between the nodes of a cluster.
  "/cluster",
];

/** When the CLI is asked for its login after the start: that is work, and the first requests come before it. */
const LOGIN_DELAY_MS = 1000;

/** A gateway that listens. */
export interface RunningGateway {
  readonly address: ListenAddress;
  readonly claude: EngineSource["claude"];
  readonly approvalMode: ApprovalModeChoice;
  readonly kernel: Kernel;
  readonly control: Control;
  readonly approvals: Approvals;
  /** Resolves, once the CLI has said how it is logged in, to what the operator has to do; undefined if it is. */
  readonly loginWarning: Promise<string | undefined>;
  /** Drains and ends everything; a second call cuts the grace short. Never rejects. */
  close(): Promise<void>;
}

/** What the gateway is put together from: nothing else in core names an engine or what keeps the ledger. */
export interface Distribution {
  /** Finds what runs the turns, in the environment `env`. Rejects with one line where it can't be run. */
  findEngine(loaded: LoadedConfig, env: NodeJS.ProcessEnv, log: Logger): Promise<EngineSource>;
  /** Rejects with one line where the ledger can't be opened, or another gateway has it. */
  openLedger(options: LedgerOptions): Promise<Ledger>;
  /** Makes this gateway a node. Rejects with one line where the database can't be opened. */
  openCluster?(options: Pick<BootOptions, "loaded" | "version" | "log">): Promise<Cluster>;
  openAudit(options: AuditOptions): AuditLog;
}

/** Where the ledger is. */
export interface LedgerOptions {
  readonly dataDir: string;
  /** Of a database; undefined: a file in the data folder. */
  readonly url?: string | undefined;
}

/** What the audit log is opened with. */
export interface AuditOptions {
  /** Folder of the files. */
  readonly dir: string;
  readonly log: Logger;
  /** Removed from every line. */
  readonly secrets: KnownSecrets;
}

export interface BootOptions {
  readonly loaded: LoadedConfig;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** What no log line and no child process gets: the configuration's, to which others are added here. */
  readonly secrets: KnownSecrets;
  readonly log: Logger;
  /** Reads the configuration again, from the same flags and variables. Throws a ConfigError. */
  readonly read: () => LoadedConfig;
  readonly distribution: Distribution;
  /** Which plugins are on; by default those that the configuration names. */
  readonly selection?: (loaded: LoadedConfig) => PluginSelection;
  readonly kernel?: Pick<KernelOptions, "limits" | "watch">;
  /** Called when the gateway gets a public URL, and when that changes. */
  readonly showPublicUrl?: (url: string) => void;
}

/** Opens everything in the order of dependencies. If a step fails, undoes the earlier ones and rejects. */
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
  const { loaded, version, env, cwd, secrets, log, distribution, selection = selectionOf } = options;
  const { config } = loaded;
  const times = new StartTimes();
  const kernel = new Kernel({ ...options.kernel, log, cwd, secrets, reservedPrefixes: OWN_PREFIXES });
  const source = await times.step("checks", (inside) => checkFirst(options, kernel, inside));
  for (const warning of shortSecretWarnings(loaded.keys)) log.warn(warning);
  const { claude } = source;
  // Depends on the user and the environment of the CLI, which a plugin may change.
  const approvalModeOf = (plan: Pick<SpawnPlan, "env" | "uid">) =>
    chooseApprovalMode(config.no_permissions_bypass, plan.env, plan.uid);
  prepareFolders(foldersOf(loaded));

  const cluster = config.cluster && (await times.step("cluster", () => openCluster(options)));
  const ledger =
    cluster?.ledger ??
    (await times.step("ledger", () =>
      distribution.openLedger({ dataDir: config.data_dir, url: config.ledger_url }),
    ));
  opened.add("ledger", () => ledger.close());
  if (cluster !== undefined) opened.add("node", () => cluster.leave());
  const ownership = cluster?.ownership ?? ONE_NODE;
  ledger.prices.onPriced((turn, usage) => kernel.notify("usagePriced", turn, usage));
  const installation = installationId(config.data_dir);
  const audit = distribution.openAudit({ dir: config.log_dir, log, secrets });
  opened.add("audit log", () => audit.close());
  // A snapshot: the Agent SDK adds its own variables later, and processes are matched by their launch spec.
  const environment = rememberedEnvironment({ ...env }, secrets);
  const keyEnvironments = new KeyEnvironments(loaded);
  const accounts = new AccountLimits((keyId) => keyEnvironments.accountsOf(keyId));
  const stored = cluster?.ledger.transcripts;
  const written: WrittenSince = (session, keyId, since, before) =>
    source.writtenSince?.(session, keyEnvironments.of(environment(), keyId), since, before, stored) ??
    Promise.resolve(undefined);
  const lost = await times.step("what an earlier run left", async () => {
    await source.endLeftovers(installation);
    // A node does this once it has joined.
    if (cluster !== undefined) return [];
    if (ledger.afterCrash) await writeMissingLines({ ledger, audit });
    await loseBackground({ ledger, ownership, audit, log }, written);
    return recordLostTurns({ ledger, audit, log }, source, written);
  });

  // Unique per start: the guard of a killed gateway must not end the children of the next one.
  const marker = `${installation}.${randomUUID()}`;
  const guard = source.guard?.(marker);
  if (guard !== undefined) opened.add("guard of child processes", () => guard.close());
  opened.add("plugins", () => kernel.close());
  const engine = source.open(marker, guard, cluster && sharedOf(cluster));
  opened.add("engine", () => engine.close());
  const spawn = (workdir: string, keyId?: string, account = accounts.choose(keyId)) => ({
    command: claude.path,
    args: [],
    env: keyEnvironments.of(environment(), keyId, account),
    cwd: workdir,
    options: {},
    ...(account !== undefined && { account: account.name }),
  });
  const approvalService = new ApprovalService({
    ledger,
    kernel,
    audit,
    links: await LinkSigner.open(cluster?.secrets ?? fileSecrets(config.data_dir)),
    log,
    shared: cluster !== undefined,
  });
  opened.add("approvals", async () => approvalService.close());
  const gateway = new Gateway(
    {
      version,
      loaded,
      spawn,
      accounts,
      approvalMode: (plan) => approvalModeNow(approvalModeOf(plan), kernel),
      workdirs: workdirLimits(loaded, env),
    },
    { kernel, engine, ledger, ownership, audit, approvalService, log, ...nodeOf(cluster) },
  );
  const control = new Control({ ...options, selection, kernel, gateway, engine, cluster });
  kernel.offer(
    createPluginServices({
      ...gateway.services,
      ledger,
      control,
      approvals: approvalService,
      fields: kernel.requestFields,
      dataDir: config.data_dir,
      warn: (warning) => kernel.notify("budgetWarning", warning),
      describeKey: (known, keyId) => kernel.hooks.describeKey.promise(known, keyId),
      marker,
      passing: cluster?.passing,
      shared: cluster !== undefined,
      singletons: cluster?.singletons ?? ALONE,
      redact: secrets.redact,
    }),
  );
  await times.step(
    "plugins",
    () => kernel.enable(selection(loaded)),
    () => kernel.status().map(({ name, startedMs }) => ({ name, ms: startedMs, steps: [] })),
  );
  opened.add("gateway", () => gateway.close());
  const recordLost = async (turns: readonly TurnRecord[]) => {
    const found = await recordLostTurns({ ledger, audit, log }, source, written, turns);
    // What fails is withdrawn by the next sweep.
    await Promise.allSettled(found.map(({ turn }) => approvalService.withdrawAll(turn.id)));
    for (const { turn, outcome } of found) kernel.notify("afterExecute", turn, outcome);
  };
  const recover = async (sessionId: string, claim: Claim) => {
    const taken: Ownership = { ...ONE_NODE, claim: async () => ({ at: "here", claim }) };
    await loseBackground({ ledger, ownership: taken, audit, log }, written, sessionId);
    await recordLost(await ledger.nodes.lostTurns(sessionId));
  };
  const endProcesses = () => source.endLeftovers(marker);
  const work = { engine, guard, recordLost, recover, endProcesses };
  const wasKilled = await cluster?.join({ ...gateway.services, ...work });
  if (wasKilled === true) await writeMissingLines({ ledger, audit }, cluster?.node);
  await times.step("approvals that wait", () => approvalService.recover());
  const address = await times.step("port", () => gateway.listen());
  // In a cluster, the node looks for them all the time.
  if (cluster === undefined) await times.step("turns that go on", () => gateway.recover());
  logStart(times.end("start"), log);
  const loginWarning = gateway.services.login.warning(LOGIN_DELAY_MS);
  for (const { turn, outcome } of lost) kernel.notify("afterExecute", turn, outcome);
  let closing: Promise<void> | undefined;
  const close = () => {
    cluster?.drain();
    if (closing !== undefined) void gateway.close();
    closing ??= opened.close();
    return closing;
  };
  const plan = spawn(config.workdir);
  // A plugin without a plan for the base folder may have one for each turn.
  const planned = await kernel.hooks.spawn.promise(plan, undefined).catch(() => plan);
  const approvalMode = kernel.approving === "now" ? ASKING : approvalModeOf(planned);
  return { address, claude, approvalMode, kernel, control, approvals: approvalService, loginWarning, close };
}

/** What engines know of a cluster. */
function sharedOf({ ledger, ownership }: Cluster): SharedTranscripts {
  return { transcripts: ledger.transcripts, held: (sessionId) => ownership.held(sessionId) };
}

function nodeOf(cluster: Cluster | undefined): Pick<GatewayParts, "passing" | "keyPlaces" | "guesses"> {
  return { passing: cluster?.passing, keyPlaces: cluster?.keyPlaces, guesses: cluster?.guesses };
}

async function openCluster({ distribution, ...options }: BootOptions): Promise<Cluster> {
  if (distribution.openCluster === undefined)
    throw new ConfigError("[cluster]: this gateway can't be a node");
  return distribution.openCluster(options);
}

/** Runs the checks that open and create nothing. Rejects with the first problem, usually a ConfigError. */
async function checkFirst(
  { loaded, env, secrets, log, distribution, selection = selectionOf }: BootOptions,
  kernel: Kernel,
  times: StartTimes,
): Promise<EngineSource> {
  const source = await times.step("Claude CLI", () =>
    distribution.findEngine(loaded, childEnvironment(env, secrets), log),
  );
  await tryAddress(loaded.config.host, loaded.config.port);
  const check = () =>
    kernel.check(selection(loaded)).catch((error: unknown) => {
      throw new ConfigError(messageOf(error), { cause: error });
    });
  await times.step("imports of plugins", check, (plugins) =>
    plugins.map(({ name, importMs }) => ({ name, ms: importMs, steps: [] })),
  );
  return source;
}

/** Opened resources, closed in the reverse order. */
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
