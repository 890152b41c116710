import { randomUUID } from "node:crypto";
import type { CompletedRequest, Kernel } from "@claudeway/kernel";
import type { AuditLog } from "@claudeway/ports";
import { redactTokens } from "../approvals/links.js";
import type { ClientAddresses } from "./client-address.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import { IncomingRequest } from "./incoming.js";
import { pathOf } from "./target.js";

/** The logged status of a request whose client disconnected before its answer began, as in nginx; it is never sent. */
const CLIENT_LEFT = 499;
/** The statuses of a request that was refused for its sender: its key, a rule of a plugin, or too many attempts. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 429]);

interface Listeners {
  readonly kernel: Kernel;
  readonly audit: AuditLog;
}

interface Naming extends Listeners {
  readonly addresses: ClientAddresses;
}

/** Gives every request an id and a client address, and reports it once it was answered or its client disconnected. */
export function completedRequests({ addresses, ...to }: Naming): GatewayMiddleware {
  return (ctx, next) => {
    const startedAt = performance.now();
    const id = randomUUID();
    ctx.state.requestId = id;
    ctx.state.clientAddress = addresses.of(ctx.req);
    ctx.res.setHeader("x-request-id", id);
    const { req, res, state, originalUrl } = ctx;
    const { method = "GET" } = req;
    whenOver(ctx, () => {
      // The node that passed it on reports it.
      if (state.passed !== undefined) return;
      const status = res.headersSent ? res.statusCode : CLIENT_LEFT;
      const { caller } = state;
      const keyId =
        caller === undefined || (caller.unrecorded === true && status < 400) ? null : caller.keyId;
      if (!isReported(status, keyId, to)) return;
      const durationMs = Math.round(performance.now() - startedAt);
      const path = redactTokens(pathOf(originalUrl));
      const { node } = state;
      notifyCompleted({ id, method, path, route: routeOf(ctx), status, durationMs, keyId, node }, to);
    });
    return next();
  };
}

/** The template of the route that answered, which `@koa/router` leaves on the context. */
function routeOf(ctx: GatewayContext): string | undefined {
  const route: unknown = ctx.state.route ?? Reflect.get(ctx, "_matchedRoute");
  if (typeof route !== "string") return undefined;
  const { prefix } = ctx.state;
  return prefix === undefined ? route : `${prefix}${route === "/" ? "" : route}`;
}

/** Whether anything is written, or any plugin notified: of most probes there is nothing to report. */
function isReported(status: number, keyId: string | null, { kernel }: Listeners): boolean {
  return keyId !== null || REFUSED.has(status) || kernel.hooks.requestCompleted.isUsed();
}

/** Calls `report` once the answer was sent or the client has gone. */
function whenOver({ req, res }: GatewayContext, report: () => void): void {
  if (req instanceof IncomingRequest) req.whenOver = report;
  else res.once("close", report);
}

/** Writes a request's audit line and notifies the plugins. */
export function notifyCompleted(request: CompletedRequest, { kernel, audit }: Listeners): void {
  const { method, path, status, durationMs, keyId, node } = request;
  const level = status >= 500 ? "ERROR" : status >= 400 ? "WARN" : "INFO";
  // One literal: a copy of the line would cost as much as all the rest of it.
  const line = <Key extends string | null>(message: string, key_id: Key) =>
    ({
      timestamp: timestamp(),
      level,
      method,
      path,
      status,
      duration_ms: durationMs,
      message,
      key_id,
    }) as const;
  if (keyId !== null && node !== undefined) audit.request({ ...line("request", keyId), node });
  else if (keyId !== null) audit.request(line("request", keyId));
  else if (REFUSED.has(status)) audit.refused(line("request refused", null));
  kernel.notify("requestCompleted", request);
}

/** The second that was last formatted, since 1970, and its text up to the milliseconds. */
let [second, prefix] = [Number.NaN, ""];

/** The time in ISO 8601. Formatting a date costs more than the rest of a line, and a second has many. */
function timestamp(): string {
  const now = Date.now();
  const since = Math.floor(now / 1000);
  if (since !== second) [second, prefix] = [since, new Date(since * 1000).toISOString().slice(0, -4)];
  return `${prefix}${String(now - since * 1000).padStart(3, "0")}Z`;
}
