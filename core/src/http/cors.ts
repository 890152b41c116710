import type { CorsOptions } from "@claudeway/kernel";
import type { GatewayContext, GatewayMiddleware } from "./context.js";

const METHODS = "GET, HEAD, PUT, POST, DELETE, PATCH";

/**
 * Lets pages of other origins call the routes of mounts with `cors`, and answers their preflight requests, which have no
 * key (https://fetch.spec.whatwg.org/#http-cors-protocol).
 */
export function corsOfMounts(): GatewayMiddleware {
  return (ctx, next) => {
    const { origin } = ctx.req.headers;
    if (origin === undefined) return next();
    const cors = ctx.state.destination.mount?.cors;
    if (cors === undefined) return next();
    const isPreflight = ctx.method === "OPTIONS" && ctx.get("access-control-request-method") !== "";
    if (cors.origins === "*" || cors.origins.includes(origin)) allow(ctx, origin, cors, isPreflight);
    ctx.vary("Origin");
    if (!isPreflight) return next();
    ctx.status = 204;
    return undefined;
  };
}

function allow(ctx: GatewayContext, origin: string, cors: CorsOptions, isPreflight: boolean): void {
  const { origins, credentials = false, exposeHeaders = [], allowHeaders, maxAgeSecs } = cors;
  ctx.set("access-control-allow-origin", origins === "*" ? "*" : origin);
  if (credentials) ctx.set("access-control-allow-credentials", "true");
  if (!isPreflight) {
    if (exposeHeaders.length > 0) ctx.set("access-control-expose-headers", exposeHeaders.join(", "));
    return;
  }
  ctx.set("access-control-allow-methods", METHODS);
  const headers = allowHeaders?.join(", ") ?? ctx.get("access-control-request-headers");
  if (headers !== "") ctx.set("access-control-allow-headers", headers);
  if (maxAgeSecs !== undefined) ctx.set("access-control-max-age", String(maxAgeSecs));
}
