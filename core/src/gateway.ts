import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "@claudeway/config";
import type { ListenAddress, Load } from "@claudeway/kernel";
import { messageOf } from "@claudeway/ports";
import { shuttingDown } from "@claudeway/scheduling";
import Router from "@koa/router";
import Koa from "koa";
import type { Logger } from "pino";
import { LINK_PATH } from "./approvals/links.js";
import { completedRequests, notifyCompleted } from "./http/access-log.js";
import { Doorkeeper } from "./http/auth.js";
import { Authentication, authenticate } from "./http/authentication.js";
import { boundBodies, holdBodies, jsonBody } from "./http/body.js";
import { BodyBounds } from "./http/body-bounds.js";
import { ClientAddresses } from "./http/client-address.js";
import type { GatewayContext, GatewayState } from "./http/context.js";
import { corsOfMounts } from "./http/cors.js";
import {
  admitRequest,
  findDestination,
  notAllowed,
  ownPathsFirst,
  pluginRoutes,
  refuseUnrouted,
  requestHook,
  routesTo,
} from "./http/dispatch.js";
import { errorResponses } from "./http/errors.js";
import { GuessThrottle, SharedThrottle } from "./http/guesses.js";
import type { IncomingRequest } from "./http/incoming.js";
import { type OpenRoutes, slowStrangers } from "./http/open-routes.js";
import { passOn, receivePassed } from "./http/passing.js";
import { promptForms } from "./http/prompt-forms.js";
import { indexRoutes } from "./http/route-index.js";
import { approvalPage } from "./http/routes/approval-page.js";
import { approvalRoutes } from "./http/routes/approvals.js";
import { fileRoutes, uploadRoute } from "./http/routes/files.js";
import { healthRoutes } from "./http/routes/health.js";
import { modelRoutes } from "./http/routes/models.js";
import { rootRoute } from "./http/routes/root.js";
import { sessionRoutes } from "./http/routes/sessions.js";
import { taskRoutes } from "./http/routes/tasks.js";
import { turnRoutes } from "./http/routes/turns.js";
import { holdAnswers } from "./http/send-json.js";
import { acceptWaiting, createHttpServer, refuseBadHttp } from "./http/server.js";
import { TurnStarter } from "./http/start-turn.js";
import { UnansweredRequests } from "./http/unanswered.js";
import { TaskSockets } from "./http/websocket.js";
import { type GatewayOptions, type GatewayParts, Services } from "./services.js";
import { TurnViews } from "./turns/view.js";

/** How long the last responses may still be sent after the last turn has ended, in ms. */
const LAST_ANSWERS_MS = 1000;
/** How long bodies may still arrive before their requests are refused, in ms: so that these get an answer. */
const LAST_BODIES_MS = 500;

/**
 * The HTTP gateway. It wires the Koa chain to the turns: request → `TurnStarter` → `Tasks` or `Sessions` →
 * `RunningTurns` → `Turn`. It does not own its parts: the caller that made them closes them.
 */
export class Gateway {
  readonly services: Services;
  readonly #guesses = new GuessThrottle();
  readonly #authentication: Authentication;
  readonly #addresses: ClientAddresses;
  readonly #bodies: BodyBounds;
  readonly #server: Server;
  readonly #sockets: TaskSockets;
  /** The requests with a body that are being handled. */
  readonly #reading = new Set<IncomingRequest>();
  /** In a cluster: what other nodes may be answering. */
  readonly #unanswered: UnansweredRequests | undefined;
  /** Aborted when the grace time of closing is over. */
  readonly #graceOver = new AbortController();
  /** Set by the first `close()`. */
  #closing: Promise<void> | undefined;
  #address: ListenAddress | undefined;

  constructor(
    private readonly options: GatewayOptions,
    private readonly parts: GatewayParts,
  ) {
    const { kernel } = parts;
    this.services = new Services(options, parts);
    parts.passing?.serve(this.services.localWork);
    this.#authentication = new Authentication(kernel, new Doorkeeper(this.services.keyring, this.#guesses));
    this.#addresses = new ClientAddresses(this.#config.trusted_proxies);
    this.#bodies = new BodyBounds(this.#config.limits);
    this.#sockets = this.#createSockets();
    const handlers = { request: this.#chain().callback(), webSocket: this.#sockets.upgrade };
    this.#server = createHttpServer(handlers, this.#config.limits);
    if (parts.passing !== undefined) this.#unanswered = new UnansweredRequests(this.#server);
  }

  get #config(): Settings {
    return this.options.loaded.config;
  }

  /** The middleware that every request passes, from top to bottom. */
  #chain(): Koa<GatewayState> {
    const { kernel, audit, log, passing, guesses } = this.parts;
    const { body_bytes: maxFieldBytes } = this.#config.limits;
    const parseJson = jsonBody();
    const routes = this.#routes();
    // Before the JSON parser: the approval page posts a form, and uploads are files.
    const unparsed = new Router<GatewayState>();
    approvalPage(unparsed, this.parts.approvalService);
    uploadRoute(unparsed, this.services.files);
    const app = new Koa<GatewayState>();
    app.on("error", (error: NodeJS.ErrnoException) => logStreamError(error, log));
    app.use(completedRequests({ kernel, audit, addresses: this.#addresses }));
    app.use(errorResponses(log));
    app.use(refuseBadHttp());
    if (passing !== undefined) app.use(receivePassed(passing));
    app.use(findDestination(kernel));
    app.use(corsOfMounts());
    app.use(authenticate(this.#authentication, log));
    app.use(
      slowStrangers({
        keyring: this.services.keyring,
        authentication: this.#authentication,
        guesses: new SharedThrottle(this.#guesses, guesses),
        openRoutes: (ctx) => this.#openRoutes(ctx),
      }),
    );
    app.use(holdAnswers(this.services.answers));
    app.use(requestHook(kernel));
    app.use(boundBodies((ctx) => this.#bodies.of(ctx), this.#reading));
    if (passing !== undefined) app.use(passOn(passing, routes));
    const hold = holdBodies(this.services.memory);
    app.use(pluginRoutes(kernel, (ctx, next) => parseJson(ctx, () => hold(ctx, next))));
    app.use(ownPathsFirst(routes));
    app.use(routesTo(["link", "upload"], unparsed));
    const refuse = notAllowed({ stack: [...routes.stack, ...unparsed.stack] }, kernel);
    app.use(refuseUnrouted(routes, refuse));
    const forms = { ...this.services.files, uploads: this.services.uploads, maxFieldBytes };
    app.use(promptForms(forms, parseJson));
    app.use(routes.routes());
    app.use(refuse);
    return app;
  }

  #routes(): Router<GatewayState> {
    const { ledger, log, kernel, passing } = this.parts;
    const router = new Router<GatewayState>();
    const views = new TurnViews(this.services.turns, ledger, passing);
    const starter = new TurnStarter({ ...this.parts, keys: this.services.keys }, views, log, passing);
    rootRoute(router, { version: this.options.version, routes: kernel.routes });
    healthRoutes(router, {
      version: this.options.version,
      ledger,
      checkLedger: () => this.services.ledgerWatch.check(),
      checkLogin: () => this.services.login.check(),
      draining: () => this.#closing !== undefined,
      fenced: () => this.parts.ownership.fenced.aborted,
      log,
    });
    modelRoutes(router, this.services.models);
    taskRoutes(router, this.services.tasks, starter, kernel.requestFields);
    sessionRoutes(router, this.services.sessions, starter, kernel.requestFields);
    fileRoutes(router, this.services.files);
    turnRoutes(router, views, this.parts.approvalService);
    approvalRoutes(router, this.parts.approvalService);
    indexRoutes(router);
    return router;
  }

  /**
   * WebSocket upgrades bypass Koa, so this repeats the chain's steps for them: authentication, limits, plugin hooks.
   */
  #createSockets(): TaskSockets {
    const { kernel, audit, log } = this.parts;
    return new TaskSockets({
      authentication: this.#authentication,
      addresses: this.#addresses,
      passing: this.parts.passing,
      joins: (joining) => this.#unanswered?.add(joining),
      tasks: this.services.tasks,
      fields: kernel.requestFields,
      budgetOf: (keyId) => this.#bodies.budgetOf(keyId),
      admit: (request) => {
        this.services.turns.checkOpen();
        return admitRequest(kernel, request);
      },
      completed: (request) => notifyCompleted(request, { kernel, audit }),
      limitBytes: this.#config.limits.body_bytes,
      log,
    });
  }

  /** What the request belongs to if its route needs no key: the clients of such routes are slowed down. */
  #openRoutes(ctx: GatewayContext): OpenRoutes | undefined {
    const { access, to, mount } = ctx.state.destination;
    if (access !== "none") return undefined;
    // A valid signed link authenticates its bearer, like a key.
    const isKnown = () => this.parts.approvalService.isSigned(ctx.path);
    if (to === "link") return { prefix: LINK_PATH, isKnown };
    return mount ?? { prefix: "/" };
  }

  /** How many turns run and how many are queued. */
  load(): Pick<Load, "running" | "queued"> {
    return { running: this.services.queue.running, queued: this.services.queue.queued };
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
    this.services.ledgerWatch.start();
    this.parts.kernel.notify("listening", address);
    return address;
  }

  /** Resumes turns that the previous gateway left parked, if their call has been decided or once their limit is lifted. */
  recover(): Promise<void> {
    return this.services.resumption.recover();
  }

  /**
   * Drains: refuses new turns, lets running turns finish within the grace time, then ends them. Other routes keep
   * working meanwhile, so that clients can follow, interrupt and approve. Resolves when every answer has been sent. A
   * second call cuts the grace time short.
   */
  close(): Promise<void> {
    if (this.#closing === undefined) this.#closing = this.#close();
    else this.#stopAll();
    return this.#closing;
  }

  #stopAll(): void {
    this.services.turns.stopAll("shutdown");
    this.parts.passing?.close();
    this.#graceOver.abort();
  }

  async #close(): Promise<void> {
    this.services.closeTurns();
    this.#server.prependListener("request", (_, response) => {
      // Clients open their next connection elsewhere, and none is idle when the port closes.
      response.shouldKeepAlive = false;
    });
    await this.parts.kernel.notifyClosing();
    const grace = setTimeout(() => this.#stopAll(), this.#config.engine.grace_secs * 1000);
    await this.services.turns.drained();
    // Ends background work now, while its cost and its loss can still be recorded.
    await this.parts.engine.retire("shutdown");
    await this.services.turns.drained();
    await this.parts.passing?.emptied();
    await acceptWaiting(this.#server);
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    const refuseBodies = setTimeout(() => {
      for (const request of this.#reading) if (!request.complete) request.refuse(shuttingDown());
    }, LAST_BODIES_MS);
    // Only now: as long as the port is open, requests for other nodes may arrive at any time.
    await this.#unanswered?.over(this.#graceOver.signal);
    this.services.events.close();
    const lastAnswers = () => Promise.race([closed, sleep(LAST_ANSWERS_MS, undefined, { ref: false })]);
    await lastAnswers();
    // The first request of a connection may come late.
    while (await this.#unanswered?.over(this.#graceOver.signal)) await lastAnswers();
    clearTimeout(grace);
    this.#server.closeAllConnections();
    this.#sockets.close();
    await closed;
    clearTimeout(refuseBodies);
    this.services.ledgerWatch.stop();
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
