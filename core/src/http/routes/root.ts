import type { RouteTable } from "@claudeway/kernel";
import type Router from "@koa/router";
import type { GatewayState } from "../context.js";
import { whatToOpen } from "../plugin-paths.js";

export interface RootParts {
  readonly version: string;
  readonly routes: Pick<RouteTable, "match">;
}

/** `GET /`: leads a browser to the dashboard. Otherwise, and while that is off, lists what can be opened, as text. */
export function rootRoute(router: Router<GatewayState>, { version, routes }: RootParts): void {
  router.get("/", (ctx) => {
    ctx.vary("Accept");
    // The paths are relative: the gateway may be below a path of a site.
    if (routes.match("/dashboard") !== undefined && ctx.accepts("text", "html") === "html") {
      return ctx.redirect("dashboard/");
    }
    ctx.body = [`Claudeway v${version}`, "", ...whatToOpen(routes, "."), ""].join("\n");
  });
}
