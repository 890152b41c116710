import { isIPv6 } from "node:net";
import { Refusal } from "@claudeway/core";
import type { RouterContext } from "@koa/router";

export type Context = RouterContext;

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/;

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
  if (host === undefined) return false;
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

/**
 * Where a request comes from. A proxy on this machine adds the address that it saw at the end; anybody else could write
 * what they like there. An IPv6 network of one household counts as one address.
 */
export function addressOf(ctx: Context): string {
  const peer = ctx.req.socket.remoteAddress ?? "";
  const forwarded = lastOf(ctx.get("x-forwarded-for"));
  const address = LOOPBACK.test(peer) && forwarded !== "" ? forwarded.slice(0, 64) : peer;
  return isIPv6(address) && !address.startsWith("::ffff:") ? networkOf(address) : address;
}

/** The first 64 bits: of `2001:db8::1` they are `2001:db8:0:0`. */
function networkOf(address: string): string {
  const [head = [], tail = []] = address.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  return [...head, ...zeros, ...tail].slice(0, 4).join(":");
}

function lastOf(list: string): string {
  return list.slice(list.lastIndexOf(",") + 1).trim();
}

/** The body of a request with JSON, as the gateway has parsed it. */
export function bodyOf(ctx: Context): unknown {
  return "body" in ctx.request ? ctx.request.body : undefined;
}
