import { randomUUID } from "node:crypto";
import type { CompletedRequest } from "../kernel/hooks.js";
import type { Kernel } from "../kernel/kernel.js";
import type { AuditLog } from "../ledger/audit.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";

/** Names every request; when its answer is out, or its client gone, writes the audit line and tells the plugins. */
export function completedRequests(to: {
  readonly kernel: Kernel;
  readonly audit: AuditLog;
}): GatewayMiddleware {
  return async (ctx, next) => {
    const startedAt = performance.now();
    ctx.state.requestId = randomUUID();
    ctx.set("x-request-id", ctx.state.requestId);
    ctx.res.once("close", () => complete(ctx, Math.round(performance.now() - startedAt), to));
    await next();
  };
}

function complete(
  ctx: GatewayContext,
  durationMs: number,
  { kernel, audit }: { readonly kernel: Kernel; readonly audit: AuditLog },
): void {
  const { requestId, caller } = ctx.state;
  const keyId = caller?.keyId ?? null;
  const request = {
    id: requestId,
    method: ctx.method,
    path: ctx.path,
    status: ctx.status,
    durationMs,
    keyId,
  };
  writeLine(request, audit);
  kernel.tell("requestCompleted", request);
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
