import { randomUUID } from "node:crypto";
import { redactTokens } from "../approvals/links.js";
import type { CompletedRequest } from "../kernel/hooks.js";
import type { Kernel } from "../kernel/kernel.js";
import type { AuditLog } from "../ports/audit.js";
import type { ClientAddresses } from "./client-address.js";
import type { GatewayMiddleware } from "./context.js";
import { pathOf } from "./target.js";

/** The logged status of a request whose client disconnected before its answer began, as in nginx; it is never sent. */
const CLIENT_LEFT = 499;

interface Listeners {
  readonly kernel: Kernel;
  readonly audit: AuditLog;
}

interface Naming extends Listeners {
  readonly addresses: ClientAddresses;
}

/** Gives every request an id and a client address, and reports it once it was answered or its client disconnected. */
export function completedRequests({ addresses, ...to }: Naming): GatewayMiddleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    const id = randomUUID();
    ctx.state.requestId = id;
    ctx.state.clientAddress = addresses.of(ctx.req);
    ctx.set("x-request-id", id);
    const method = ctx.method;
    const path = redactTokens(pathOf(ctx.originalUrl));
    ctx.res.once("close", () => {
      const durationMs = Math.round(performance.now() - startedAt);
      const keyId = ctx.state.caller?.keyId ?? null;
      const status = ctx.headerSent ? ctx.status : CLIENT_LEFT;
      notifyCompleted({ id, method, path, status, durationMs, keyId }, to);
    });
    await next();
  };
}

/** Writes a request's audit line and notifies the plugins. */
export function notifyCompleted(request: CompletedRequest, { kernel, audit }: Listeners): void {
  writeLine(request, audit);
  kernel.notify("requestCompleted", request);
}

function writeLine({ method, path, status, durationMs, keyId }: CompletedRequest, audit: AuditLog): void {
  const line = {
    timestamp: new Date().toISOString(),
    level: status >= 500 ? "ERROR" : status >= 400 ? "WARN" : "INFO",
    method,
    path,
    status,
    duration_ms: durationMs,
    message: "request",
  } as const;
  if (keyId !== null) audit.request({ ...line, key_id: keyId });
  else if (status === 401) audit.refused({ ...line, key_id: null, message: "request refused" });
}
