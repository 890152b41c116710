import { hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import Router from "@koa/router";
import type { Context } from "koa";

const compress = promisify(gzip);
const A_YEAR = "public, max-age=31536000, immutable";

/** The static pages of a plugin, and their content security policy. */
export interface Pages {
  /** Absolute paths of files, by the URL path below the mount: `/index.html`, `/assets/a-Dk3f.js`. */
  readonly files: Readonly<Record<string, string>>;
  /**
   * Additional directives of the `Content-Security-Policy`, such as `script-src 'self'`. By default, pages load
   * nothing and cannot be framed.
   */
  readonly policy: readonly string[];
  /** Whether the file at a path never changes, because its name changes with its content; false unless given. */
  readonly immutable?: (path: string) => boolean;
}

interface Asset {
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
}

/**
 * Creates routes that serve files: compressed, cached by content hash, with headers that block other sites. `/` serves
 * `/index.html`, whose links are relative, so that the pages work below any prefix of a proxy. Files are read on the
 * first request and kept in memory.
 */
export function pageRouter({ files, policy, immutable = () => false }: Pages): Router {
  const router = new Router();
  const assets = new Map<string, Promise<Asset>>();
  const headers = headersOf(policy);
  const send = async (ctx: Context, path: string, file: string): Promise<void> => {
    const asset = await kept(assets, file);
    ctx.set({ ...headers, "cache-control": immutable(path) ? A_YEAR : "no-cache", etag: asset.etag });
    sendAsset(ctx, file, asset);
  };
  for (const [path, file] of Object.entries(files)) router.get(path, (ctx) => send(ctx, path, file));
  const { "/index.html": index } = files;
  if (index !== undefined) {
    router.get("/", async (ctx) => {
      if (!redirectToFolder(ctx)) await send(ctx, "/index.html", index);
    });
  }
  return router;
}

function headersOf(policy: readonly string[]): Record<string, string> {
  const closed = ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"];
  return {
    "content-security-policy": [...closed, ...policy].join("; "),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    vary: "Accept-Encoding",
  };
}

function kept(assets: Map<string, Promise<Asset>>, file: string): Promise<Asset> {
  const known = assets.get(file);
  if (known !== undefined) return known;
  const asset = readAsset(file);
  assets.set(file, asset);
  // A failed read is retried on the next request.
  asset.catch(() => assets.delete(file));
  return asset;
}

/** The content hash: npm gives every packed file the same modification time. */
async function readAsset(file: string): Promise<Asset> {
  const body = await readFile(file);
  const etag = `"${hash("sha256", body, "base64url").slice(0, 22)}"`;
  return { body, gzipped: await compress(body), etag };
}

function sendAsset(ctx: Context, file: string, { body, gzipped }: Asset): void {
  ctx.status = 200;
  ctx.type = extname(file);
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  const zipped = ctx.acceptsEncodings("gzip", "identity") === "gzip";
  if (zipped) ctx.set("content-encoding", "gzip");
  ctx.body = zipped ? gzipped : body;
}

/** Relative links in the pages need the trailing slash. */
function redirectToFolder(ctx: Context): boolean {
  const [path = ""] = ctx.originalUrl.split("?", 1);
  if (path.endsWith("/")) return false;
  ctx.redirect(`${path.slice(path.lastIndexOf("/") + 1)}/`);
  return true;
}
