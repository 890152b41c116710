import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import Router from "@koa/router";
import type { Context } from "koa";

const compress = promisify(gzip);
const A_YEAR = "public, max-age=31536000, immutable";

/** The pages of a plugin, and what browsers may do on them. */
export interface Pages {
  /** Absolute paths of files, by the path that they are served at below the mount: `/index.html`, `/assets/a-Dk3f.js`. */
  readonly files: Readonly<Record<string, string>>;
  /**
   * Directives of the `Content-Security-Policy`, as in `script-src 'self'`. Without more of them, pages load nothing, and
   * no other page shows them in a frame.
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
 * Routes that serve files: compressed, cached by content, with headers that keep other sites out. `/` is `/index.html`,
 * whose links are relative, so that the pages work below whatever prefix a proxy serves them. A file is read when it is
 * first asked for, and kept.
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
  // What could not be read is tried again.
  asset.catch(() => assets.delete(file));
  return asset;
}

/** By content: npm gives every packed file one and the same time. */
async function readAsset(file: string): Promise<Asset> {
  const body = await readFile(file);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
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

/** Links in the pages are relative to the folder, which needs its slash. */
function redirectToFolder(ctx: Context): boolean {
  const [path = ""] = ctx.originalUrl.split("?", 1);
  if (path.endsWith("/")) return false;
  ctx.redirect(`${path.slice(path.lastIndexOf("/") + 1)}/`);
  return true;
}
