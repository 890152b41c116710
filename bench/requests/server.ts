import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { definePlugin } from "@claudeway/core";
import { createTestGateway } from "@claudeway/testing";
import Router from "@koa/router";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { pino } from "pino";
import { completedRequests } from "#core/http/access-log.js";
import { Doorkeeper, Keyring } from "#core/http/auth.js";
import { Authentication, authenticate } from "#core/http/authentication.js";
import { bodyAs, boundBodies, jsonBody } from "#core/http/body.js";
import { ClientAddresses } from "#core/http/client-address.js";
import type { GatewayMiddleware, GatewayState } from "#core/http/context.js";
import { findDestination, requestHook } from "#core/http/dispatch.js";
import { errorResponses } from "#core/http/errors.js";
import { GuessThrottle } from "#core/http/guesses.js";
import { createHttpServer, refuseBadHttp } from "#core/http/server.js";
import { Kernel } from "#kernel/kernel.js";
import { openAudit } from "#ledger-sqlite/audit-files.js";
import { ByteBudget } from "#scheduling/byte-budget.js";
import { listeningPort } from "../../test/e2e/address.js";
import { bareRoutes } from "./bare.js";
import { BARE, GATEWAY, LIMIT_BYTES, type Rung, SECRET } from "./rungs.js";

/*
 * One rung of the ladder, in its own process: listens, and reports its port and its processor time.
 * `server.ts <rung> <folder>`
 */

const [rung = "", folder = ""] = process.argv.slice(2);
const LIMITS = {
  body_bytes: LIMIT_BYTES,
  file_bytes: 1_048_576,
  connections: 1000,
  header_secs: 20,
  request_secs: 300,
};
const RUNGS_IN_ORDER: readonly string[] = ["edge", "auth", "log line", "hooks", "schema"] satisfies Rung[];
const BUDGET = new ByteBudget(64 * LIMIT_BYTES);
const ANSWER = { status: "ok", prompt: "" };

process.on("message", () => process.send?.({ cpu: process.cpuUsage() }));
process.send?.(await start(rung));

async function start(name: string): Promise<Serving> {
  if (name === "node:http") return listen(createServer(bareNode));
  if (name === "Koa") return listen(createServer(bareKoa().callback()));
  if (name === BARE) return listen(createServer(bareRoutes().callback()));
  if (name === GATEWAY) return wholeGateway();
  return listen(createHttpServer({ request: chainTo(name).callback() }, LIMITS));
}

interface Serving {
  readonly url: string;
  readonly secret: string;
  readonly session: string;
}

function bareNode(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { prompt } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const body = JSON.stringify({ ...ANSWER, prompt });
    response.setHeader("content-type", "application/json; charset=utf-8");
    response.setHeader("content-length", Buffer.byteLength(body));
    response.end(body);
  });
}

function bareKoa(): Koa {
  const app = new Koa();
  const router = new Router();
  router.post("/bench/echo", (ctx) => {
    const { prompt }: { prompt?: string } = Object(ctx.request.body);
    ctx.body = { ...ANSWER, prompt };
  });
  app.use(parseJson());
  app.use(router.routes());
  return app;
}

function parseJson() {
  return bodyParser({ enableTypes: ["json"], jsonLimit: String(LIMIT_BYTES) });
}

/** The gateway's chain up to a rung; parts that are not on it yet are Koa's own. */
function chainTo(last: string): Koa<GatewayState> {
  const log = pino({ level: "info" }, pino.destination({ dest: `${folder}/log`, sync: false }));
  const kernel = new Kernel({ log });
  const audit = openAudit({ dir: folder, log });
  const has = (one: Rung) => RUNGS_IN_ORDER.indexOf(one) <= RUNGS_IN_ORDER.indexOf(last);
  const named: GatewayMiddleware = (ctx, next) => {
    ctx.state.requestId = "";
    return next();
  };
  const router = new Router<GatewayState>();
  router.post("/bench/echo", (ctx) => {
    const { prompt }: { prompt?: string } = has("schema")
      ? bodyAs(ctx, "task-request")
      : Object(ctx.request.body);
    ctx.body = { ...ANSWER, prompt };
  });
  const app = new Koa<GatewayState>();
  app.use(has("log line") ? completedRequests({ kernel, audit, addresses: new ClientAddresses([]) }) : named);
  app.use(errorResponses(log));
  app.use(refuseBadHttp());
  if (has("auth")) {
    app.use(findDestination(kernel));
    app.use(authenticate(new Authentication(kernel, doorkeeper()), log));
  }
  if (has("hooks")) app.use(requestHook(kernel));
  if (has("schema")) app.use(boundBodies(() => ({ limitBytes: LIMIT_BYTES, budget: BUDGET })));
  app.use(has("schema") ? jsonBody() : parseJson());
  app.use(router.routes());
  return app;
}

function doorkeeper(): Doorkeeper {
  return new Doorkeeper(new Keyring([{ id: "bench", secret: SECRET }]), new GuessThrottle());
}

/** All of it, with a ledger and an audit log, and a plugin's route. */
async function wholeGateway(): Promise<Serving> {
  const echo = definePlugin<object>({
    name: "bench",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      const router = new Router();
      router.post("/echo", (ctx) => {
        const { prompt }: { prompt?: string } = Object(ctx.request.body);
        ctx.body = { ...ANSWER, prompt };
      });
      kernel.mount("/bench", router);
    },
  });
  const gateway = await createTestGateway({
    plugins: [echo],
    config: { log_level: "info" },
    checkLeaks: false,
  });
  process.on("disconnect", () => void gateway.close().then(() => process.exit()));
  const { id: session } = await gateway.session({ key: "admin" });
  return { url: gateway.url, secret: gateway.keys["admin"] ?? "", session };
}

async function listen(server: Server): Promise<Serving> {
  process.on("disconnect", () => process.exit());
  server.listen(0, "127.0.0.1");
  return { url: `http://127.0.0.1:${await listeningPort(server)}`, secret: SECRET, session: randomUUID() };
}
