import { Refusal, type RouteState } from "@claudeway/core";
import type { RouterContext } from "@koa/router";

export type Context = RouterContext;

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export function isUnsafe(ctx: Context): boolean {
  return !SAFE_METHODS.has(ctx.method);
}

/**
 * Refuses what another site's page sends. A browser names the page's origin on every unsafe request, in `Sec-Fetch-Site`
 * (on https and localhost) or `Origin`; what sends neither is no browser, and has no cookie of a victim's.
 */
export function refuseOtherSites(ctx: Context, publicUrl: string | undefined): void {
  const site = ctx.get("sec-fetch-site");
  const origin = ctx.get("origin");
  const same = site === "" ? origin === "" || isOwnOrigin(origin, ctx, publicUrl) : site === "same-origin";
  if (!same) throw new Refusal(403, "this takes requests from the dashboard's own pages only");
}

function isOwnOrigin(origin: string, ctx: Context, publicUrl: string | undefined): boolean {
  const host = hostOf(origin);
  // That of `file://` is empty, and so is what no proxy has said.
  if (host === undefined || host === "") return false;
  // A page can't set these headers on a request to another site without that one's consent.
  const own = [ctx.get("host"), lastOf(ctx.get("x-forwarded-host")), hostOf(publicUrl ?? "")];
  return own.includes(host);
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}

/**
 * Whether the browser talks TLS, as the proxy in front says. Whoever makes that up gets a cookie that their own browser
 * keeps to itself, so nobody has to be trusted for it.
 */
export function isBehindTls(ctx: Context): boolean {
  return lastOf(ctx.get("x-forwarded-proto")).toLowerCase() === "https";
}

function lastOf(list: string): string {
  return list.slice(list.lastIndexOf(",") + 1).trim();
}

/** Where a request comes from, as the gateway knows it. */
export function clientAddressOf(ctx: Context): string | undefined {
  const { clientAddress }: RouteState = ctx.state;
  return clientAddress;
}

/** The body of a request with JSON, as the gateway has parsed it. */
export function bodyOf(ctx: Context): unknown {
  return "body" in ctx.request ? ctx.request.body : undefined;
}
