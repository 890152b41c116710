import { Refusal, type RouteState } from "@claudeway/core";
import type { RouterContext } from "@koa/router";

export type Context = RouterContext;

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

export function isUnsafe({ method }: { readonly method: string }): boolean {
  return !SAFE_METHODS.has(method);
}

/** A header of a request; empty if it is missing. */
export type HeaderOf = (name: string) => string;

/**
 * Refuses requests from other sites' pages. A browser sends the page's origin with every unsafe request, in
 * `Sec-Fetch-Site` (on https and localhost) or `Origin`. A client that sends neither is not a browser, and has no
 * victim's cookie.
 */
export function refuseOtherSites(header: HeaderOf, publicUrl: string | undefined): void {
  const site = header("sec-fetch-site");
  const origin = header("origin");
  const same = site === "" ? origin === "" || isOwnOrigin(origin, header, publicUrl) : site === "same-origin";
  if (!same) throw new Refusal(403, "requests must come from the dashboard's own pages");
}

function isOwnOrigin(origin: string, header: HeaderOf, publicUrl: string | undefined): boolean {
  const host = hostOf(origin);
  // The host of `file://` is empty, and so is a header that no proxy has set.
  if (host === undefined || host === "") return false;
  // A page cannot set these headers on a cross-site request unless that site consents.
  const own = [header("host"), lastOf(header("x-forwarded-host")), hostOf(publicUrl ?? "")];
  return own.includes(host);
}

function hostOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}

/**
 * Whether the browser uses TLS, according to the proxy in front. A client that forges the header only gets a cookie that
 * its own browser withholds, so the header needs no trust.
 */
export function isBehindTls(ctx: Context): boolean {
  return lastOf(ctx.get("x-forwarded-proto")).toLowerCase() === "https";
}

function lastOf(list: string): string {
  return list.slice(list.lastIndexOf(",") + 1).trim();
}

/** The client's address, as the gateway determined it. */
export function clientAddressOf(ctx: Context): string | undefined {
  const { clientAddress }: RouteState = ctx.state;
  return clientAddress;
}

/** The JSON body that the gateway has parsed. */
export function bodyOf(ctx: Context): unknown {
  return "body" in ctx.request ? ctx.request.body : undefined;
}
