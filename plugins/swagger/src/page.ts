import Router, { type RouterContext } from "@koa/router";
import { ASSET_PATHS, assetAt } from "./assets.js";

/** Nothing but what this gateway serves, no inline script or style, and no page of anybody else's around it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Swagger UI's icons.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page and its files. */
export function pageRouter(): Router {
  const router = new Router();
  for (const path of ASSET_PATHS) {
    router.get(path, async (ctx) => {
      if (path === "/" && redirectToFolder(ctx)) return;
      await sendAsset(ctx, path);
    });
  }
  return router;
}

/** The page's links are relative to `/docs/`, below whatever prefix a proxy serves it. */
function redirectToFolder(ctx: RouterContext): boolean {
  const [path = ""] = ctx.originalUrl.split("?", 1);
  if (path.endsWith("/")) return false;
  ctx.redirect(`${path.slice(path.lastIndexOf("/") + 1)}/`);
  return true;
}

async function sendAsset(ctx: RouterContext, path: string): Promise<void> {
  const { type, body, gzipped, etag } = await assetAt(path);
  ctx.set({
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
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
