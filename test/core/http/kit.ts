import { once } from "node:events";
import type { Server } from "node:http";
import type Router from "@koa/router";
import Koa from "koa";
import { pino } from "pino";
import type { GatewayContext, GatewayMiddleware, GatewayState } from "#core/http/context.js";
import { errorResponses } from "#core/http/errors.js";
import { createHttpServer, refuseBadHttp } from "#core/http/server.js";
import { listeningPort } from "../../e2e/address.js";

const LIMITS = {
  body_bytes: 65_536,
  file_bytes: 1_048_576,
  connections: 100,
  header_secs: 20,
  request_secs: 300,
};

/** A part of the chain, listening. */
export interface Served {
  readonly url: string;
  /** Lines of the log. */
  readonly logged: Readonly<Record<string, unknown>>[];
  readonly server: Server;
  close(): Promise<void>;
}

/** Serves middleware below the gateway's own handling of errors. */
export function serve(...middleware: readonly GatewayMiddleware[]): Promise<Served> {
  return serveImpatiently(undefined, ...middleware);
}

/** The same, for clients that must read something of their response within `stalledMs`. */
export function serveImpatiently(
  stalledMs: number | undefined,
  ...middleware: readonly GatewayMiddleware[]
): Promise<Served> {
  return serveApp((app) => {
    for (const one of middleware) app.use(one);
  }, stalledMs);
}

/** Serves routes in the same way. */
export function serveRoutes(router: Router<GatewayState>): Promise<Served> {
  return serveApp((app) => app.use(router.routes()));
}

async function serveApp(fill: (app: Koa<GatewayState>) => unknown, stalledMs?: number): Promise<Served> {
  const logged: Readonly<Record<string, unknown>>[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const app = new Koa<GatewayState>();
  app.on("error", () => undefined);
  app.use(async (ctx, next) => {
    ctx.state.requestId = "request-1";
    ctx.state.clientAddress = ctx.req.socket.remoteAddress ?? "";
    await next();
  });
  app.use(errorResponses(log));
  app.use(refuseBadHttp());
  fill(app);
  const server = createHttpServer({ request: app.callback() }, LIMITS, stalledMs);
  server.listen(0, "127.0.0.1");
  const url = `http://127.0.0.1:${await listeningPort(server)}`;
  return { url, logged, server, close: () => closeServer(server) };
}

/** Answers with what `answer` makes of the context. */
export function answering(answer: (ctx: GatewayContext) => unknown): GatewayMiddleware {
  return (ctx) => {
    ctx.body = answer(ctx);
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
}
