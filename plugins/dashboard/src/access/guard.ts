import type { IncomingHttpHeaders } from "node:http";
import { type GatewayControl, Refusal } from "@claudeway/core";
import type { RouterMiddleware } from "@koa/router";
import type { AdminSession, AdminSessions } from "./admin-sessions.js";
import { type Context, isUnsafe, refuseOtherSites } from "./request.js";

export const COOKIE = "claudeway_admin";

/** The token of a login in a request's cookies; empty where there is none. */
export function tokenIn({ cookie }: Pick<IncomingHttpHeaders, "cookie">): string {
  return /(?:^|; *)claudeway_admin=([\w-]+)/.exec(cookie ?? "")?.[1] ?? "";
}

/** Lets the admin pass: with the cookie of a login, or with the admin's key as a Bearer token. */
export function adminOnly(control: GatewayControl, sessions: AdminSessions): RouterMiddleware {
  return (ctx, next) => {
    if (ctx.get("authorization") !== "") {
      ctx.state["caller"] = bearer(ctx, control);
      return next();
    }
    ctx.state["session"] = loggedIn(ctx, sessions);
    if (isUnsafe(ctx)) {
      refuseOtherSites(ctx, control.publicUrl());
      // Named for the audit log. Reading isn't: a page that shows the log live would write what it shows.
      ctx.state["caller"] = { keyId: adminId(control), admin: true };
    }
    return next();
  };
}

/** The id of the admin's key. */
export function adminId(control: GatewayControl): string {
  return control.keys()[0]?.id ?? "";
}

/** The login behind this request; undefined: it came with a key. */
export function loginOf(ctx: Context): AdminSession | undefined {
  return ctx.state["session"];
}

function bearer(ctx: Context, control: GatewayControl) {
  const secret = /^Bearer +(\S+) *$/i.exec(ctx.get("authorization"))?.[1] ?? "";
  const caller = control.authenticate(secret);
  if (caller === undefined) throw new Refusal(401, "unknown key");
  if (!caller.admin) throw new Refusal(403, "this takes the admin's key");
  return caller;
}

function loggedIn(ctx: Context, sessions: AdminSessions): AdminSession {
  const session = sessions.find(tokenIn(ctx.headers));
  if (session === undefined) throw new Refusal(401, "not logged in, or the login has ended");
  return session;
}
