import type { Health } from "@claudeway/schemas";
import type Router from "@koa/router";
import type { GatewayState } from "../context.js";

/** `GET /health`: says that the gateway is up; needs no key. */
export function healthRoutes(router: Router<GatewayState>, version: string): void {
  const startedAt = performance.now();
  router.get("/health", (ctx) => {
    const uptime_secs = Math.floor((performance.now() - startedAt) / 1000);
    ctx.body = { status: "ok", version, uptime_secs } satisfies Health;
  });
}
