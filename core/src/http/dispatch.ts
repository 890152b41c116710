import { checkCaller, type Kernel, type Mount, type RequestInfo, switchOn } from "@claudeway/kernel";
import { type Caller, clientError, retryLater, toGatewayError } from "@claudeway/ports";
import { either } from "@claudeway/schemas";
import type Router from "@koa/router";
import Koa from "koa";
import compose from "koa-compose";
import { redactTokens } from "../approvals/links.js";
import { refuseOtherTypes } from "./body.js";
import type { GatewayContext, GatewayMiddleware, GatewayState } from "./context.js";
import { type Destination, destinationOf } from "./destination.js";
import { IncomingRequest } from "./incoming.js";
import { missingPlugin } from "./plugin-paths.js";
import { requestInfo } from "./request-info.js";

/** The part of a router that lists its routes. */
type RouteList = Pick<Router, "stack">;

/**
 * Finds where a request goes, once: all that follows agrees on it, even if a plugin is switched on or off meanwhile, and
 * need not find it again.
 */
export function findDestination(kernel: Kernel): GatewayMiddleware {
  return (ctx, next) => {
    ctx.state.destination = destinationOf(ctx.path, ctx.req.method, kernel);
    return next();
  };
}

/** Runs the `request` hook for authenticated requests. */
export function requestHook(kernel: Kernel): GatewayMiddleware {
  return (ctx, next) => {
    // What the taps read is made for them alone.
    const { caller, passed } = ctx.state;
    // The node that passed a request on has run it.
    if (caller === undefined || passed !== undefined || !kernel.hooks.request.isUsed()) return next();
    return admitRequest(kernel, requestInfo(ctx)).then(next);
  };
}

/** Throws the refusal or the fault of a plugin. */
export async function admitRequest(kernel: Kernel, request: RequestInfo): Promise<void> {
  const refusal = await kernel.hooks.request.promise(request);
  if (refusal !== undefined) throw refusal;
}

/** Hands requests to these destinations to a router: asking a router that has no route costs as much as a route. */
export function routesTo(
  destinations: readonly Destination["to"][],
  router: Router<GatewayState>,
): GatewayMiddleware {
  const routes = middlewareOf(router);
  return (ctx, next) => (destinations.includes(ctx.state.destination.to) ? routes(ctx, next) : next());
}

/** Passes requests below a plugin's prefix to that plugin. */
export function pluginRoutes(kernel: Kernel, parseJson: GatewayMiddleware): GatewayMiddleware {
  return (ctx, next) => {
    if (ctx.state.destination.to !== "plugin") return next();
    const { path } = ctx;
    // Asked again: hooks may have taken time, in which plugins may have changed, and whom their routes admit.
    const mount = kernel.routes.match(path);
    if (mount?.auth !== ctx.state.destination.access) return next();
    ctx.state.prefix = mount.prefix;
    ctx.state.admit = (caller) => admitSender(kernel, ctx, path, caller);
    return toPlugin(ctx, mount, parseJson);
  };
}

/** Admits the sender that a route of a plugin authenticated by itself, as if it had been authenticated before. */
async function admitSender(kernel: Kernel, ctx: GatewayContext, path: string, caller: Caller): Promise<void> {
  if (ctx.state.caller !== undefined) throw new Error("admit: the request is already authenticated");
  ctx.state.caller = checkCaller(caller);
  if (ctx.state.passed === undefined && kernel.hooks.request.isUsed())
    await admitRequest(kernel, requestInfo(ctx, path));
}

async function toPlugin(ctx: GatewayContext, mount: Mount, parseJson: GatewayMiddleware): Promise<void> {
  const { path } = ctx;
  if (!mount.running) throw retryLater(`the plugin ${mount.plugin} is not running`, 5);
  const route = () =>
    belowPrefix(ctx, mount.prefix, () =>
      enterMount(mount, () => middlewareOf(mount.router)(ctx, () => refuseMethod(ctx, mount.router, path))),
    );
  if (mount.cors !== undefined) ctx.vary("Origin");
  // Only JSON is parsed here; a plugin may read forms or raw bodies itself.
  if (ctx.is("application/json")) await parseJson(ctx, route);
  else await route().catch((error: unknown) => throwUnlessOtherType(ctx, error));
}

/**
 * Throws UNSUPPORTED_MEDIA_TYPE instead of the error of a route that was sent something other than JSON and did not read
 * it: it fails because it has no body.
 */
function throwUnlessOtherType(ctx: GatewayContext, error: unknown): never {
  const { status = 500 } = toGatewayError(error) ?? {};
  const { req } = ctx;
  const isUnread = req instanceof IncomingRequest && req.hasBody && !req.readableDidRead;
  if (isUnread && (status === 400 || status === 500)) refuseOtherTypes(ctx);
  throw error;
}

/** Answers 405 if a fixed path (`/session/start`) would otherwise match as an id of another route (`/session/:id`). */
export function ownPathsFirst({ stack }: RouteList): GatewayMiddleware {
  const methods = new Map<string, Set<string>>();
  for (const layer of stack) {
    if (typeof layer.path !== "string" || layer.path.includes(":")) continue;
    const known = methods.get(layer.path) ?? new Set();
    methods.set(layer.path, new Set([...known, ...layer.methods]));
  }
  return (ctx, next) => {
    const own = methods.get(canonicalPath(ctx.path));
    return own === undefined || own.has(ctx.method) ? next() : refuseMethodBut(own, ctx.method);
  };
}

/** Matches like the router: case-insensitive, with or without a trailing slash. */
function canonicalPath(path: string): string {
  const lower = path.toLowerCase();
  return lower.endsWith("/") ? lower.slice(0, -1) : lower;
}

/** Refuses what no route serves before its body is read: the answer is not about the body. A GET is not sent with one. */
export function refuseUnrouted(router: Router<GatewayState>, refuse: GatewayMiddleware): GatewayMiddleware {
  return (ctx, next) => {
    const hasBody = ctx.method !== "GET" && ctx.req instanceof IncomingRequest && ctx.req.hasBody;
    return hasBody && !router.match(ctx.path, ctx.method).route ? refuse(ctx, next) : next();
  };
}

/** Answers 405 with `Allow` if only the method does not match, else 404. */
export function notAllowed(router: RouteList, kernel: Pick<Kernel, "routes">): GatewayMiddleware {
  return (ctx) => {
    const plugin = missingPlugin(ctx.path, kernel.routes);
    if (plugin === undefined) return refuseMethod(ctx, router);
    const route = `no route ${ctx.method} ${redactTokens(ctx.path)}`;
    throw clientError("NOT_FOUND", `${route}: the plugin ${plugin} is off; ${switchOn(plugin)}`);
  };
}

function enterMount({ enter }: Mount, call: () => Promise<unknown>): Promise<unknown> {
  return enter === undefined ? call() : enter(call);
}

/** Removes the prefix, which a plugin's routes do not contain. */
async function belowPrefix(
  ctx: GatewayContext,
  prefix: string,
  route: () => Promise<unknown>,
): Promise<void> {
  const path = ctx.path;
  ctx.path = path.slice(prefix.length) || "/";
  try {
    await route();
  } finally {
    ctx.path = path;
  }
}

const MIDDLEWARE = new WeakMap<Router, GatewayMiddleware>();

/** Composes a router as middleware of the gateway, once. */
function middlewareOf(router: Router): GatewayMiddleware {
  const known = MIDDLEWARE.get(router);
  if (known !== undefined) return known;
  const app = new Koa<GatewayState>();
  app.use(router.routes());
  const middleware = compose(app.middleware);
  MIDDLEWARE.set(router, middleware);
  return middleware;
}

/** `asked` is the path as the client sent it. */
async function refuseMethod(ctx: GatewayContext, router: RouteList, asked = ctx.path): Promise<never> {
  const methods = new Set(
    router.stack.filter((layer) => layer.match(ctx.path)).flatMap((layer) => layer.methods),
  );
  if (methods.size === 0) throw clientError("NOT_FOUND", `no route ${ctx.method} ${redactTokens(asked)}`);
  return refuseMethodBut(methods, ctx.method);
}

function refuseMethodBut(methods: ReadonlySet<string>, method: string): never {
  const allowed = [...methods].sort();
  throw clientError("METHOD_NOT_ALLOWED", `the method must be ${either(allowed)}, got ${method}`, {
    headers: { allow: allowed.join(", ") },
  });
}
