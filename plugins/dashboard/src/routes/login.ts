import { type GatewayControl, Refusal } from "@claudeway/core";
import type Router from "@koa/router";
import type { AdminSessions } from "../access/admin-sessions.js";
import { adminId, adminOnly, COOKIE, loginOf, tokenIn } from "../access/guard.js";
import { bodyOf, type Context, isBehindTls, refuseOtherSites } from "../access/request.js";
import type { SharedLogins } from "../access/shared-logins.js";

export interface LoginParts {
  readonly control: GatewayControl;
  readonly sessions: AdminSessions;
  /** Undefined on a single machine. */
  readonly shared: SharedLogins | undefined;
  /** See `keyMark`. */
  readonly mark: string;
}

/**
 * `POST /login`, `POST /logout`, and the current login: `GET /me` refuses a request without one, `GET /login` does not, so
 * that a page that only wants to know leaves no refused request in the log.
 */
export function loginRoutes(router: Router, parts: LoginParts): void {
  const { control, sessions, shared, mark } = parts;
  const meOf = (expiresAt: number | undefined): Me => ({
    key_id: adminId(control),
    key_mark: mark,
    version: control.version,
    expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
  });
  router.post("/login", async (ctx) => {
    refuseOtherSites((name) => ctx.get(name), control.publicUrl());
    checkKey(ctx, control);
    const { token, expiresAt } = sessions.open();
    await shared?.opened(token, expiresAt);
    setCookie(ctx, token, sessions.lifetimeSecs);
    ctx.state["caller"] = { keyId: adminId(control), admin: true };
    ctx.body = { success: true, ...meOf(expiresAt) };
  });
  router.get("/login", (ctx) => {
    const session = sessions.find(tokenIn(ctx.headers));
    ctx.body = { login: session === undefined ? null : meOf(session.expiresAt) } satisfies LoginState;
  });
  // Not guarded: a browser with an expired cookie can drop it too.
  router.post("/logout", async (ctx) => {
    refuseOtherSites((name) => ctx.get(name), control.publicUrl());
    const token = tokenIn(ctx.headers);
    // Anybody can send this: only the end of a login is stored, which each gateway looks at.
    if (sessions.find(token) !== undefined) {
      sessions.close(token);
      await shared?.closed(token);
    }
    setCookie(ctx, "", 0);
    ctx.body = { logged_out: true };
  });
  router.get("/me", adminOnly(control, sessions), (ctx) => {
    ctx.body = meOf(loginOf(ctx)?.expiresAt);
  });
}

/** The gateway slows down clients that are refused repeatedly. */
function checkKey(ctx: Context, control: GatewayControl): void {
  // The secret of another key gets the same response as an unknown one.
  if (control.authenticate(keyIn(bodyOf(ctx)))?.admin !== true)
    throw new Refusal(401, "this is not the admin key");
}

function keyIn(body: unknown): string {
  const key = typeof body === "object" && body !== null && "key" in body ? body.key : undefined;
  if (typeof key !== "string") throw new Refusal(400, "key must be the admin key");
  return key;
}

// Written by hand: Koa would refuse `Secure` on the plain connection from the proxy. Without a path, the browser uses the
// path of the request as it sees it: /admin below the proxy's prefix, and nothing else of the host.
function setCookie(ctx: Context, token: string, maxAgeSecs: number): void {
  const secure = isBehindTls(ctx) ? "; Secure" : "";
  ctx.set("set-cookie", `${COOKIE}=${token}; Max-Age=${maxAgeSecs}; HttpOnly; SameSite=Strict${secure}`);
}

export interface Me {
  readonly key_id: string;
  /** The same for every login with this key, and for no other key. */
  readonly key_mark: string;
  readonly version: string;
  readonly expires_at: string | null;
}

export interface LoginState {
  /** Null if this browser is not logged in. */
  readonly login: Me | null;
}
