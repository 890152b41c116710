import { setMaxListeners } from "node:events";
import { join } from "node:path";
import type { LoadedConfig } from "@claudeway/config";
import { SessionForks, SessionHistory } from "@claudeway/conversations";
import { SessionEvents } from "@claudeway/events";
import { type Kernel, KeyLimitTable } from "@claudeway/kernel";
import type {
  AuditLog,
  CommandName,
  Engine,
  IdempotencyClaim,
  KeyPlaces,
  Ledger,
  LocalWork,
  Ownership,
  PassingOn,
  SharedGuesses,
  SpawnPlan,
} from "@claudeway/ports";
import {
  type AccountChoice,
  LedgerWatch,
  LimitWaits,
  MemoryBudget,
  SessionOrder,
  TurnQueue,
} from "@claudeway/scheduling";
import { SessionFiles, TransferSlots, Uploads, type WorkdirOptions, Workdirs } from "@claudeway/workdirs";
import type { Logger } from "pino";
import type { ApprovalService } from "./approvals/approval-service.js";
import { Keyring } from "./http/auth.js";
import type { FileParts } from "./http/routes/files.js";
import { localWork } from "./local-work.js";
import { LoginWatch } from "./login-watch.js";
import { CliCatalogue, ModelCatalogue } from "./models.js";
import { Sessions } from "./sessions.js";
import { Tasks } from "./tasks.js";
import { OptionReader } from "./turn-options.js";
import { Background } from "./turns/background.js";
import { ParkedTurns } from "./turns/parked.js";
import type { TurnContext } from "./turns/request.js";
import { Resumption } from "./turns/resumption.js";
import { RunningTurns } from "./turns/running.js";

export interface GatewayOptions extends Pick<TurnContext, "accounts" | "approvalMode"> {
  readonly version: string;
  readonly loaded: Pick<LoadedConfig, "config" | "keys" | "keyLimits">;
  /** The spawn plan that the `spawn` hook starts from. */
  readonly spawn: (workdir: string, keyId?: string, account?: AccountChoice) => SpawnPlan;
  readonly workdirs: Pick<WorkdirOptions, "base" | "guarded" | "configFile">;
}

export interface GatewayParts {
  readonly kernel: Kernel;
  readonly engine: Engine;
  readonly ledger: Ledger;
  /** Which sessions are this gateway's. */
  readonly ownership: Ownership;
  readonly audit: AuditLog;
  readonly approvalService: ApprovalService;
  readonly log: Logger;
  /** In a cluster: passes requests on to the nodes that have their sessions. */
  readonly passing?: PassingOn | undefined;
  readonly keyPlaces?: KeyPlaces | undefined;
  /** In a cluster: refused attempts at all nodes. */
  readonly guesses?: SharedGuesses | undefined;
}

/**
 * What routes and plugins call: keys, turns, sessions, tasks and files, wired to one another. It does not own the engine, the
 * ledger and the other parts that it is given: the caller that made them closes them.
 */
export class Services {
  readonly keyring: Keyring;
  readonly keyLimits: KeyLimitTable;
  readonly models: ModelCatalogue;
  readonly commands: CliCatalogue<CommandName>;
  /** Whether the CLI is logged in. */
  readonly login: LoginWatch;
  readonly ledgerWatch: LedgerWatch;
  readonly queue: TurnQueue;
  readonly memory = new MemoryBudget();
  readonly answers = new MemoryBudget();
  readonly turns: RunningTurns;
  readonly sessions: Sessions;
  readonly history: SessionHistory;
  readonly tasks: Tasks;
  readonly files: FileParts;
  readonly uploads: Uploads;
  readonly workdirs: Workdirs;
  readonly events = new SessionEvents();
  /** Idempotency keys whose turns are about to begin, by the ids of the turns. */
  readonly keys = new Map<string, IdempotencyClaim>();
  readonly resumption: Resumption;
  readonly limitWaits: LimitWaits;
  /** What other nodes of a cluster know and ask of this one. */
  readonly localWork: LocalWork;
  /** Aborted when closing begins: turns that wait for a person park, and parked turns no longer resume. */
  readonly shutdown = new AbortController();

  constructor(options: GatewayOptions, parts: GatewayParts) {
    const { kernel, engine, ledger, ownership, audit, approvalService, log } = parts;
    const { config, keys, keyLimits } = options.loaded;
    // Every turn that waits for a person listens.
    setMaxListeners(0, this.shutdown.signal);
    this.keyLimits = new KeyLimitTable(
      keys.map(({ id }) => id),
      keyLimits,
      log,
    );
    this.workdirs = new Workdirs({
      ...options.workdirs,
      limits: this.keyLimits,
      sessions: ledger.sessions,
      resolve: (request) => kernel.hooks.workdir.promise(request),
    });
    const idleSpawn = async () =>
      kernel.hooks.spawn.promise(options.spawn(await this.workdirs.baseFolder()), undefined);
    this.models = new ModelCatalogue(async () => engine.models(await idleSpawn()), log);
    const listCommands = async () => (await engine.commands?.(await idleSpawn())) ?? [];
    this.commands = new CliCatalogue("commands", listCommands, [], log);
    // No shared login is needed if a key has its own account.
    const isShared =
      config.engine.config_dirs === "shared" &&
      !Object.values(keyLimits).some(({ env, accounts }) => env !== undefined || accounts !== undefined);
    const asksLogin = () => isShared && kernel.needsLogin;
    this.login = new LoginWatch({
      ask: async () => (asksLogin() ? engine.login(await idleSpawn()) : "not needed"),
      closing: this.shutdown.signal,
      log,
    });
    const order = new SessionOrder(config.engine.max_queued);
    this.ledgerWatch = new LedgerWatch(ledger, log);
    this.queue = new TurnQueue({
      maxRunning: config.engine.max_running,
      maxQueued: config.engine.max_queued,
      maxRunningOf: (keyId) => this.keyLimits.of(keyId).maxRunning,
      keyPlaces: parts.keyPlaces,
    });
    const records = { ledger, ownership, audit, log, keys: this.keys };
    this.limitWaits = new LimitWaits({ maxPerKey: config.engine.max_limit_waits_per_key, log });
    const limitWaits = this.limitWaits;
    const parked = new ParkedTurns({ records, kernel, approvalService, limitWaits, events: this.events });
    this.turns = new RunningTurns({
      kernel,
      engine,
      queue: this.queue,
      records,
      events: this.events,
      waitForEarlierTurns: (sessionId, stop, resumed) => order.enter(sessionId, stop, { again: resumed }),
      spawn: options.spawn,
      accounts: options.accounts,
      approvalMode: options.approvalMode,
      approvalService,
      limitWaits,
      hold: (keyId, bytes) => this.memory.hold(keyId, bytes),
      checkParked: (sessionId, withdraw) => parked.check(sessionId, withdraw),
      workdirs: this.workdirs,
      trustedWorkdirs: config.engine.trusted_workdirs,
      checkLedger: () => this.ledgerWatch.check(),
      login: this.login,
      closing: this.shutdown.signal,
      log,
    });
    engine.listen(new Background({ records, turns: this.turns, events: this.events, kernel }));
    this.resumption = new Resumption({
      parked,
      approvalService,
      ownership,
      turns: this.turns,
      limitWaits,
      closing: this.shutdown.signal,
      log,
    });
    this.keyring = new Keyring(keys);
    const optionReader = new OptionReader({
      limits: this.keyLimits,
      workdirs: this.workdirs,
      engine: config.engine,
      fields: kernel.requestFields,
    });
    this.tasks = new Tasks({
      engine,
      ledger,
      turns: this.turns,
      workdirs: this.workdirs,
      options: optionReader,
      log,
    });
    this.history = new SessionHistory({
      engine,
      ledger,
      spawn: (workdir, keyId) => kernel.hooks.spawn.promise(options.spawn(workdir, keyId), undefined),
    });
    this.sessions = new Sessions({
      history: this.history,
      forks: new SessionForks({
        engine,
        ledger,
        ownership,
        history: this.history,
        turns: this.turns,
        checkLedger: () => this.ledgerWatch.check(),
        parked,
        workdirs: this.workdirs,
        maxBytes: config.limits.file_bytes,
      }),
      engine,
      kernel,
      ledger,
      ownership,
      approvalService,
      turns: this.turns,
      parked,
      resumption: this.resumption,
      events: this.events,
      workdirs: this.workdirs,
      options: optionReader,
    });
    this.files = {
      sessions: this.sessions,
      files: new SessionFiles(this.workdirs),
      slots: new TransferSlots(),
    };
    const { queue, turns, sessions } = this;
    this.localWork = localWork({ engine, queue, maxRunning: config.engine.max_running, turns, sessions });
    this.uploads = new Uploads(join(config.data_dir, "uploads"));
  }

  /** Refuses new turns. Turns that wait for a person park, where the call can be parked; the next start resumes them. */
  closeTurns(): void {
    this.turns.close();
    this.queue.close();
    this.shutdown.abort();
    this.limitWaits.close();
  }
}
