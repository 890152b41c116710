import type { Server } from "node:http";
import { join } from "node:path";
import type { LoadedConfig, Settings } from "@claudeway/config";
import { SessionForks, SessionHistory } from "@claudeway/conversations";
import { SessionEvents } from "@claudeway/events";
import type { Kernel, ListenAddress, Load } from "@claudeway/kernel";
import {
  type ApprovalMode,
  type AuditLog,
  type CommandName,
  type Engine,
  type Ledger,
  messageOf,
  type SpawnPlan,
} from "@claudeway/ports";
import {
  type AccountChoice,
  type AccountLimits,
  LimitWaits,
  SessionOrder,
  TurnQueue,
} from "@claudeway/scheduling";
import { SessionFiles, TransferSlots, Uploads, type WorkdirOptions, Workdirs } from "@claudeway/workdirs";
import Router from "@koa/router";
import Koa from "koa";
import type { Logger } from "pino";
import type { ApprovalService } from "./approvals/approval-service.js";
import { LINK_PATH } from "./approvals/links.js";
import { completedRequests, notifyCompleted } from "./http/access-log.js";
import { Doorkeeper, Keyring } from "./http/auth.js";
import { Authentication, authenticate } from "./http/authentication.js";
import { boundBodies, jsonBody } from "./http/body.js";
import { ByteBudget } from "./http/byte-budget.js";
import { ClientAddresses } from "./http/client-address.js";
import type { GatewayContext, GatewayState } from "./http/context.js";
import { corsOfMounts } from "./http/cors.js";
import {
  admitRequest,
  findDestination,
  notAllowed,
  ownPathsFirst,
  pluginRoutes,
  requestHook,
  routesTo,
} from "./http/dispatch.js";
import { errorResponses } from "./http/errors.js";
import { GuessThrottle } from "./http/guesses.js";
import type { BodyBound } from "./http/incoming.js";
import { type OpenRoutes, slowStrangers } from "./http/open-routes.js";
import { isPromptForm, promptForms } from "./http/prompt-forms.js";
import { indexRoutes } from "./http/route-index.js";
import { approvalPage } from "./http/routes/approval-page.js";
import { approvalRoutes } from "./http/routes/approvals.js";
import { type FileParts, fileRoutes, uploadRoute } from "./http/routes/files.js";
import { healthRoutes } from "./http/routes/health.js";
import { modelRoutes } from "./http/routes/models.js";
import { rootRoute } from "./http/routes/root.js";
import { sessionRoutes } from "./http/routes/sessions.js";
import { taskRoutes } from "./http/routes/tasks.js";
import { turnRoutes } from "./http/routes/turns.js";
import { createHttpServer, refuseBadHttp } from "./http/server.js";
import { TurnStarter } from "./http/start-turn.js";
import { TaskSockets } from "./http/websocket.js";
import { KeyLimitTable } from "./key-limits.js";
import { LedgerWatch } from "./ledger-watch.js";
import { LoginWatch } from "./login-watch.js";
import { CliCatalogue, ModelCatalogue } from "./models.js";
import { Sessions } from "./sessions.js";
import { Tasks } from "./tasks.js";
import { OptionReader } from "./turn-options.js";
import { Background } from "./turns/background.js";
import { ParkedTurns } from "./turns/parked.js";
import { Resumption } from "./turns/resumption.js";
import { RunningTurns } from "./turns/running.js";
import { TurnViews } from "./turns/view.js";

export interface GatewayOptions {
  readonly version: string;
  readonly loaded: Pick<LoadedConfig, "config" | "keys" | "keyLimits">;
  /** The spawn plan that the `spawn` hook starts from. */
  readonly spawn: (workdir: string, keyId?: string, account?: AccountChoice) => SpawnPlan;
  readonly accounts: AccountLimits;
  /** The approval mode for a CLI that is started with this plan. It changes when plugins are switched on or off. */
  readonly approvalMode: (spawn: SpawnPlan) => ApprovalMode;
  readonly workdirs: Pick<WorkdirOptions, "base" | "guarded" | "configFile">;
}

export interface GatewayParts {
  readonly kernel: Kernel;
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly audit: AuditLog;
  readonly approvalService: ApprovalService;
  readonly log: Logger;
}

/** Bytes of a request body on a route without a key, unless the route's plugin sets its own limit. */
const OPEN_BODY_BYTES = 8 * 1024;
/** Bytes of the form behind a signed approval link. It must fit a denial reason of 10,000 characters. */
const FORM_BYTES = 64 * 1024;
/** Bytes of bodies being read at once, shared by all requests without a key. */
const KEYLESS_BUDGET_BYTES = 4 * 1024 * 1024;
/** Bytes of bodies being read at once, for each key. */
const KEY_BUDGET_BYTES = 64 * 1024 * 1024;
/** How long the last responses may still be sent after the last turn has ended, in ms. */
const LAST_ANSWERS_MS = 1000;

/**
 * The HTTP gateway. It wires the Koa chain to the turns: request → `TurnStarter` → `Tasks` or `Sessions` →
 * `RunningTurns` → `Turn`. It does not own its parts: the caller that made them closes them.
 */
export class Gateway {
  readonly #queue: TurnQueue;
  readonly keyring: Keyring;
  readonly keyLimits: KeyLimitTable;
  readonly models: ModelCatalogue;
  readonly commands: CliCatalogue<CommandName>;
  readonly turns: RunningTurns;
  readonly sessions: Sessions;
  readonly history: SessionHistory;
  readonly files: FileParts;
  readonly #uploads: Uploads;
  readonly tasks: Tasks;
  readonly #workdirs: Workdirs;
  readonly #ledgerWatch: LedgerWatch;
  /** Whether the CLI is logged in. */
  readonly login: LoginWatch;
  readonly #guesses = new GuessThrottle();
  readonly #authentication: Authentication;
  readonly #addresses: ClientAddresses;
  readonly #keylessBudget = new ByteBudget(KEYLESS_BUDGET_BYTES);
  readonly #keyBudgets = new Map<string, ByteBudget>();
  readonly #server: Server;
  readonly #sockets: TaskSockets;
  readonly #resumption: Resumption;
  readonly #limitWaits: LimitWaits;
  readonly #events = new SessionEvents();
  /** Aborted when closing begins: turns that wait for a person park, and parked turns no longer resume. */
  readonly #shutdown = new AbortController();
  /** Set by the first `close()`. */
  #closing: Promise<void> | undefined;
  #address: ListenAddress | undefined;

  constructor(
    private readonly options: GatewayOptions,
    private readonly parts: GatewayParts,
  ) {
    const { kernel, engine, ledger, audit, approvalService, log } = parts;
    const { config, keys, keyLimits } = options.loaded;
    this.keyLimits = new KeyLimitTable(
      keys.map(({ id }) => id),
      keyLimits,
      log,
    );
    this.#workdirs = new Workdirs({
      ...options.workdirs,
      limits: this.keyLimits,
      sessions: ledger.sessions,
      resolve: (request) => kernel.hooks.workdir.promise(request),
    });
    const idleSpawn = async () =>
      kernel.hooks.spawn.promise(options.spawn(await this.#workdirs.baseFolder()), undefined);
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
      closing: this.#shutdown.signal,
      log,
    });
    const order = new SessionOrder(config.engine.max_queued);
    this.#ledgerWatch = new LedgerWatch(ledger, log);
    this.#queue = new TurnQueue({
      maxRunning: config.engine.max_running,
      maxQueued: config.engine.max_queued,
      maxRunningOf: (keyId) => this.keyLimits.of(keyId).maxRunning,
    });
    const records = { ledger, audit, log };
    this.#limitWaits = new LimitWaits({ maxPerKey: config.engine.max_limit_waits_per_key, log });
    const limitWaits = this.#limitWaits;
    const parked = new ParkedTurns({ records, kernel, approvalService, limitWaits });
    this.turns = new RunningTurns({
      kernel,
      engine,
      queue: this.#queue,
      records,
      events: this.#events,
      waitForEarlierTurns: (sessionId, stop, resumed) => order.enter(sessionId, stop, { again: resumed }),
      spawn: options.spawn,
      accounts: options.accounts,
      approvalMode: options.approvalMode,
      approvalService,
      limitWaits,
      checkParked: (sessionId, withdraw) => parked.check(sessionId, withdraw),
      workdirs: this.#workdirs,
      trustedWorkdirs: config.engine.trusted_workdirs,
      checkLedger: () => this.#ledgerWatch.check(),
      login: this.login,
      closing: this.#shutdown.signal,
      log,
    });
    engine.listen(new Background({ records, turns: this.turns, events: this.#events, kernel }));
    this.#resumption = new Resumption({
      parked,
      approvalService,
      turns: this.turns,
      limitWaits,
      closing: this.#shutdown.signal,
      log,
    });
    this.keyring = new Keyring(keys);
    this.#authentication = new Authentication(kernel, new Doorkeeper(this.keyring, this.#guesses));
    this.#addresses = new ClientAddresses(config.trusted_proxies);
    const optionReader = new OptionReader({
      limits: this.keyLimits,
      workdirs: this.#workdirs,
      engine: config.engine,
      fields: kernel.requestFields,
    });
    this.tasks = new Tasks({
      engine,
      ledger,
      turns: this.turns,
      workdirs: this.#workdirs,
      options: optionReader,
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
        history: this.history,
        turns: this.turns,
        checkLedger: () => this.#ledgerWatch.check(),
        parked,
        workdirs: this.#workdirs,
        maxBytes: config.limits.file_bytes,
      }),
      engine,
      kernel,
      ledger,
      approvalService,
      turns: this.turns,
      parked,
      resumption: this.#resumption,
      events: this.#events,
      workdirs: this.#workdirs,
      options: optionReader,
    });
    this.files = {
      sessions: this.sessions,
      files: new SessionFiles(this.#workdirs),
      slots: new TransferSlots(),
    };
    this.#uploads = new Uploads(join(config.data_dir, "uploads"));
    this.#sockets = this.#openSockets();
    const handlers = { request: this.#chain().callback(), webSocket: this.#sockets.upgrade };
    this.#server = createHttpServer(handlers, this.#config.limits);
  }

  get #config(): Settings {
    return this.options.loaded.config;
  }

  /** The middleware that every request passes, from top to bottom. */
  #chain(): Koa<GatewayState> {
    const { kernel, audit, log } = this.parts;
    const { body_bytes: maxFieldBytes } = this.#config.limits;
    const parseJson = jsonBody();
    const routes = this.#routes();
    // Mounted before the JSON parser: the approval page posts a form, and uploads are files.
    const page = new Router<GatewayState>();
    approvalPage(page, this.parts.approvalService);
    uploadRoute(page, this.files);
    const app = new Koa<GatewayState>();
    app.on("error", (error: NodeJS.ErrnoException) => logStreamError(error, log));
    app.use(completedRequests({ kernel, audit, addresses: this.#addresses }));
    app.use(errorResponses(log));
    app.use(refuseBadHttp());
    app.use(findDestination(kernel));
    app.use(corsOfMounts());
    app.use(authenticate(this.#authentication, log));
    app.use(
      slowStrangers({
        keyring: this.keyring,
        authentication: this.#authentication,
        guesses: this.#guesses,
        openRoutes: (ctx) => this.#openRoutes(ctx),
      }),
    );
    app.use(requestHook(kernel));
    app.use(boundBodies((ctx) => this.#bodyBound(ctx)));
    app.use(pluginRoutes(kernel, parseJson));
    app.use(ownPathsFirst(routes));
    app.use(routesTo(["link", "upload"], page));
    app.use(promptForms({ ...this.files, uploads: this.#uploads, maxFieldBytes }, parseJson));
    app.use(routes.routes());
    app.use(notAllowed({ stack: [...routes.stack, ...page.stack] }, kernel));
    return app;
  }

  #routes(): Router<GatewayState> {
    const { ledger, log, kernel } = this.parts;
    const { requestFields } = kernel;
    const router = new Router<GatewayState>();
    const views = new TurnViews(this.turns, ledger);
    const starter = new TurnStarter(ledger, views, log);
    rootRoute(router, { version: this.options.version, routes: kernel.routes });
    healthRoutes(router, {
      version: this.options.version,
      ledger,
      checkLedger: () => this.#ledgerWatch.check(),
      checkLogin: () => this.login.check(),
      draining: () => this.#closing !== undefined,
      log,
    });
    modelRoutes(router, this.models);
    taskRoutes(router, this.tasks, starter, requestFields);
    sessionRoutes(router, this.sessions, starter, requestFields);
    fileRoutes(router, this.files);
    turnRoutes(router, views, this.parts.approvalService);
    approvalRoutes(router, this.parts.approvalService);
    indexRoutes(router);
    return router;
  }

  /**
   * WebSocket upgrades bypass Koa, so this repeats the chain's steps for them: authentication, limits, plugin hooks.
   */
  #openSockets(): TaskSockets {
    const { kernel, audit, log } = this.parts;
    return new TaskSockets({
      authentication: this.#authentication,
      addresses: this.#addresses,
      tasks: this.tasks,
      fields: kernel.requestFields,
      budgetOf: (keyId) => this.#budgetOf(keyId),
      admit: (request) => {
        this.turns.checkOpen();
        return admitRequest(kernel, request);
      },
      completed: (request) => notifyCompleted(request, { kernel, audit }),
      limitBytes: this.#config.limits.body_bytes,
      log,
    });
  }

  #openRoutes(ctx: GatewayContext): OpenRoutes | undefined {
    const { access, to, mount } = ctx.state.destination;
    if (access !== "none") return undefined;
    // A valid signed link authenticates its bearer, like a key.
    const isKnown = () => this.parts.approvalService.isSigned(ctx.path);
    if (to === "link") return { prefix: LINK_PATH, isKnown };
    return mount ?? { prefix: "/" };
  }

  #bodyBound(ctx: GatewayContext): BodyBound {
    const { caller, known, destination } = ctx.state;
    const own = destination.to === "link" ? FORM_BYTES : destination.mount?.bodyBytes;
    if (caller === undefined && !known) {
      const limitBytes = own ?? OPEN_BODY_BYTES;
      return { limitBytes, budget: this.#keylessBudget };
    }
    // A file goes to the disk as it comes; it is not kept in memory.
    if (destination.to === "upload" || isPromptForm(ctx))
      return { limitBytes: this.#config.limits.file_bytes };
    const limitBytes = own ?? this.#config.limits.body_bytes;
    return { limitBytes, budget: this.#budgetOf(caller?.keyId ?? "") };
  }

  /** The budget of bytes for the bodies of one key that are being read. */
  #budgetOf(keyId: string): ByteBudget {
    const known = this.#keyBudgets.get(keyId);
    if (known !== undefined) return known;
    const budget = new ByteBudget(Math.max(KEY_BUDGET_BYTES, 2 * this.#config.limits.body_bytes));
    this.#keyBudgets.set(keyId, budget);
    return budget;
  }

  /** How many turns run and how many are queued. */
  load(): Pick<Load, "running" | "queued"> {
    return { running: this.#queue.running, queued: this.#queue.queued };
  }

  /** The listening address; undefined until the port is open. */
  get address(): ListenAddress | undefined {
    return this.#address;
  }

  /** Opens the port. Rejects with Node's error if that fails. */
  async listen(): Promise<ListenAddress> {
    const { host, port } = this.#config;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        resolve();
      });
    });
    const address = listenAddress(host, this.#server);
    this.#address = address;
    this.#ledgerWatch.start();
    this.parts.kernel.notify("listening", address);
    return address;
  }

  /** Resumes turns that the previous gateway left parked, if their call has been decided or once their limit is lifted. */
  recover(): Promise<void> {
    return this.#resumption.recover();
  }

  /**
   * Drains: refuses new turns, lets running turns finish within the grace time, then ends them. Other routes keep
   * working meanwhile, so that clients can follow, interrupt and approve. Resolves when every answer has been sent. A
   * second call cuts the grace time short.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) this.#closing = this.#close();
    else this.turns.stopAll("shutdown");
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.turns.close();
    this.#queue.close();
    // Parks the turns that wait for a person, where the call can be parked; the next start resumes them.
    this.#shutdown.abort();
    this.#limitWaits.close();
    await this.parts.kernel.notifyClosing();
    const grace = setTimeout(() => this.turns.stopAll("shutdown"), this.#config.engine.grace_secs * 1000);
    await this.turns.drained();
    // Ends background work now, while its cost and its loss can still be recorded.
    await this.parts.engine.retire("shutdown");
    await this.turns.drained();
    clearTimeout(grace);
    this.#events.close();
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const hangUp = setTimeout(() => {
      this.#server.closeAllConnections();
      this.#sockets.close();
    }, LAST_ANSWERS_MS);
    await closed;
    clearTimeout(hangUp);
    this.#ledgerWatch.stop();
  }
}

function listenAddress(host: string, server: Server): ListenAddress {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  const reachable = host === "0.0.0.0" || host === "::" ? "localhost" : host;
  const bracketed = reachable.includes(":") ? `[${reachable}]` : reachable;
  return { host, port: address.port, url: `http://${bracketed}:${address.port}` };
}

/** A client that disconnects during its answer is logged at debug; any other stream failure is an error. */
function logStreamError(error: NodeJS.ErrnoException, log: Logger): void {
  const left = ["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE"].includes(error.code ?? "");
  if (left) log.debug({ reason: messageOf(error) }, "a client disconnected before the end of its response");
  else log.error({ err: error }, "a response failed");
}
