import Router from "@koa/router";
import type { Context } from "../access/request.js";
import type { Asset } from "./assets.js";

/** Nothing but what this gateway serves, nothing inline, no text that becomes markup, and nobody's page around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  // Svelte's own, which takes the constant markup of components, and that of the worker's address.
  "trusted-types svelte-trusted-html claudeway-worker",
].join("; ");

const A_YEAR = "public, max-age=31536000, immutable";

/** The pages, below `/dashboard`. */
export function pageRouter(assets: ReadonlyMap<string, Asset>): Router {
  const router = new Router();
  for (const [path, asset] of assets) router.get(path, (ctx) => sendAsset(ctx, asset));
  const index = assets.get("/index.html");
  if (index === undefined) throw new Error("its pages have no index.html; run: npm run build");
  router.get("/", (ctx) => {
    if (!redirectToFolder(ctx)) sendAsset(ctx, index);
  });
  return router;
}

/** Links in the pages are relative to `/dashboard/`, below whatever prefix a proxy serves it. */
function redirectToFolder(ctx: Context): boolean {
  const [path = ""] = ctx.originalUrl.split("?", 1);
  if (path.endsWith("/")) return false;
  ctx.redirect(`${path.slice(path.lastIndexOf("/") + 1)}/`);
  return true;
}

function sendAsset(ctx: Context, { type, body, gzipped, etag, immutable }: Asset): void {
  ctx.set({
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": immutable ? A_YEAR : "no-cache",
    vary: "Accept-Encoding",
    etag,
  });
  ctx.status = 200;
  ctx.type = type;
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  const zipped = ctx.acceptsEncodings("gzip", "identity") === "gzip";
  if (zipped) ctx.set("content-encoding", "gzip");
  ctx.body = zipped ? gzipped : body;
}
