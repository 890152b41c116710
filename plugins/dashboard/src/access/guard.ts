import type { IncomingHttpHeaders } from "node:http";
import {
  type Caller,
  type GatewayControl,
  Refusal,
  type RequestHead,
  type RouteState,
} from "@claudeway/core";
import type { RouterMiddleware } from "@koa/router";
import type { AdminSession, AdminSessions } from "./admin-sessions.js";
import { type Context, isUnsafe, refuseOtherSites } from "./request.js";

export const COOKIE = "claudeway_admin";

/** The login token in a request's cookies; empty if missing. */
export function tokenIn({ cookie }: Pick<IncomingHttpHeaders, "cookie">): string {
  return /(?:^|; *)claudeway_admin=([\w-]+)/.exec(cookie ?? "")?.[1] ?? "";
}

/** Lets only the admin pass: with a login cookie, or with the admin key. */
export function adminOnly(
  control: GatewayControl,
  sessions: AdminSessions,
): RouterMiddleware<RouteState & { session?: AdminSession }> {
  return async (ctx, next) => {
    if (ctx.get("authorization") !== "" || ctx.get("x-api-key") !== "") {
      await ctx.state.admit?.(withKey(ctx, control));
      return next();
    }
    ctx.state["session"] = loggedIn(ctx, sessions);
    if (isUnsafe(ctx)) {
      refuseOtherSites((name) => ctx.get(name), control.publicUrl());
      // Recorded in the audit log. Reads are not: a page that shows the live log would fill it.
      await ctx.state.admit?.({ keyId: adminId(control), admin: true });
    }
    return next();
  };
}

/**
 * Recognises a login below `/admin` for routes of other plugins, which can't read the cookie. Its own routes need it not:
 * they admit the admin by themselves.
 */
export function loginAt(
  request: RequestHead,
  control: GatewayControl,
  sessions: AdminSessions,
): Caller | undefined {
  const { method, headers, credentials } = request;
  if (!isBelowAdmin(request)) return undefined;
  const { authorization, cookie } = credentials();
  if (authorization !== undefined || sessions.find(tokenIn({ cookie })) === undefined) return undefined;
  const caller = { keyId: adminId(control), admin: true };
  if (!isUnsafe({ method })) return { ...caller, unrecorded: true };
  refuseOtherSites((name) => String(headers[name] ?? ""), control.publicUrl());
  return caller;
}

export function isBelowAdmin({ path }: Pick<RequestHead, "path">): boolean {
  return path.startsWith("/admin/");
}

/** The id of the admin key. */
export function adminId(control: GatewayControl): string {
  return control.keys()[0]?.id ?? "";
}

/** The login of this request; undefined if it came with a key. */
export function loginOf(ctx: Context): AdminSession | undefined {
  return ctx.state["session"];
}

function withKey(ctx: Context, control: GatewayControl): Caller {
  const header = ctx.get("authorization");
  const apiKey = ctx.get("x-api-key");
  const secret = header === "" ? apiKey : (/^Bearer +(\S+) *$/i.exec(header)?.[1] ?? "");
  if (apiKey !== "" && apiKey !== secret)
    throw new Refusal(401, "Authorization and x-api-key must have the same key");
  const caller = control.authenticate(secret);
  if (caller === undefined) throw new Refusal(401, "unknown key");
  if (!caller.admin) throw new Refusal(403, "this route requires the admin key");
  return caller;
}

function loggedIn(ctx: Context, sessions: AdminSessions): AdminSession {
  const session = sessions.find(tokenIn(ctx.headers));
  if (session === undefined) throw new Refusal(401, "not logged in, or the login has expired");
  return session;
}
