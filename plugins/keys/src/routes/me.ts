import type { RouteState } from "@claudeway/core";
import Router from "@koa/router";
import type { KeyViews } from "../views.js";

/** `GET /me`: what the caller's own key may do, and what is left of that. */
export function meRoutes(views: KeyViews): Router<RouteState> {
  const router = new Router<RouteState>();
  router.get("/", async (ctx) => {
    const { caller } = ctx.state;
    if (caller === undefined) throw new Error("the route /me requires a key");
    ctx.set("cache-control", "no-store");
    ctx.body = await views.own(caller.keyId, caller.admin);
  });
  return router;
}
