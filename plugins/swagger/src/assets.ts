import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const compress = promisify(gzip);

/** A file that the page is made of. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
}

const FILES = {
  "/": { file: "../web/index.html", type: "text/html; charset=utf-8" },
  "/page.css": { file: "../web/page.css", type: "text/css; charset=utf-8" },
  "/page.js": { file: "../web/page.js", type: "text/javascript; charset=utf-8" },
  "/swagger-ui.css": { file: "./ui/swagger-ui.css", type: "text/css; charset=utf-8" },
  "/swagger-ui-bundle.js": { file: "./ui/swagger-ui-bundle.js", type: "text/javascript; charset=utf-8" },
} as const;

export const ASSET_PATHS = Object.keys(FILES);

const read = new Map<string, Promise<Asset>>();

/** The file at that path below the page; read and compressed once, however often the plugin starts. */
export function assetAt(path: string): Promise<Asset> {
  const known = read.get(path);
  if (known !== undefined) return known;
  const asset = readAsset(path);
  read.set(path, asset);
  // What could not be read is tried again.
  asset.catch(() => read.delete(path));
  return asset;
}

async function readAsset(path: string): Promise<Asset> {
  const found = Object.entries(FILES).find(([known]) => known === path);
  if (found === undefined) throw new Error(`no file at ${path}`);
  const [, { file, type }] = found;
  const body = await readFile(new URL(file, import.meta.url));
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  return { type, body, gzipped: await compress(body), etag };
}
