import { type GatewayControl, Refusal } from "@claudeway/core";
import type Router from "@koa/router";
import type { AdminSessions } from "../access/admin-sessions.js";
import { adminId, adminOnly, COOKIE, loginOf } from "../access/guard.js";
import type { Proxies } from "../access/proxies.js";
import { bodyOf, type Context, isBehindTls, refuseOtherSites } from "../access/request.js";
import type { LoginThrottle } from "../access/throttle.js";

export interface LoginParts {
  readonly control: GatewayControl;
  readonly sessions: AdminSessions;
  readonly throttle: LoginThrottle;
  readonly proxies: Proxies;
}

/** `POST /login`, `POST /logout`, and `GET /me`: whose login this is. */
export function loginRoutes(router: Router, parts: LoginParts): void {
  const { control, sessions } = parts;
  router.post("/login", (ctx) => {
    refuseOtherSites(ctx, control.publicUrl());
    checkKey(ctx, parts);
    const { token, expiresAt } = sessions.open();
    setCookie(ctx, token, sessions.lifetimeSecs);
    ctx.state["caller"] = { keyId: adminId(control), admin: true };
    ctx.body = meOf(control, expiresAt);
  });
  // For everybody: whoever has a cookie that is worth nothing any more gets rid of it too.
  router.post("/logout", (ctx) => {
    refuseOtherSites(ctx, control.publicUrl());
    sessions.close(ctx.cookies.get(COOKIE) ?? "");
    setCookie(ctx, "", 0);
    ctx.body = { logged_out: true };
  });
  router.get("/me", adminOnly(control, sessions), (ctx) => {
    ctx.body = meOf(control, loginOf(ctx)?.expiresAt);
  });
}

function checkKey(ctx: Context, { control, throttle, proxies }: LoginParts): void {
  const address = proxies.addressOf(ctx);
  const waitMs = throttle.waitMs(address);
  if (waitMs > 0) {
    const retryAfterSecs = Math.ceil(waitMs / 1000);
    throw new Refusal(429, `too many wrong keys; try again in ${retryAfterSecs} s`, { retryAfterSecs });
  }
  // Another key's secret is as wrong as one that nobody has, and looks the same.
  if (control.authenticate(keyIn(bodyOf(ctx)))?.admin !== true) {
    throttle.failed(address);
    throw new Refusal(401, "this is not the admin's key");
  }
  throttle.succeeded(address);
}

function keyIn(body: unknown): string {
  const key = typeof body === "object" && body !== null && "key" in body ? body.key : undefined;
  if (typeof key !== "string") throw new Refusal(400, "key: takes the admin's key");
  return key;
}

// Written out: Koa's own way would refuse `Secure` on the plain connection from the proxy.
function setCookie(ctx: Context, token: string, maxAgeSecs: number): void {
  const secure = isBehindTls(ctx) ? "; Secure" : "";
  ctx.set(
    "set-cookie",
    `${COOKIE}=${token}; Path=/; Max-Age=${maxAgeSecs}; HttpOnly; SameSite=Strict${secure}`,
  );
}

function meOf(control: GatewayControl, expiresAt: number | undefined) {
  return {
    key_id: adminId(control),
    version: control.version,
    expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
  };
}
