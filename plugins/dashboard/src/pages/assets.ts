import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const compress = promisify(gzip);

/** Where the build puts the pages. */
const FOLDER = fileURLToPath(new URL("./web", new URL("../", import.meta.url)));

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** A file that the pages are made of. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
  /** True: its name changes with its content. */
  readonly immutable: boolean;
}

/** Every file of the built pages, by its path below the folder: `/index.html`, `/assets/index-Dk3f.js`. */
export async function readAssets(folder: string = FOLDER): Promise<ReadonlyMap<string, Asset>> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(notBuilt);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const assets = files.map(async (file) => {
    const path = file.slice(folder.length);
    return [path, await readAsset(file, path.startsWith("/assets/"))] as const;
  });
  return new Map(await Promise.all(assets));
}

async function readAsset(file: string, immutable: boolean): Promise<Asset> {
  const body = await readFile(file);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const type = TYPES[extname(file)] ?? "application/octet-stream";
  return { type, body, gzipped: await compress(body), etag, immutable };
}

function notBuilt(error: unknown): never {
  throw new Error("its pages are not built; run: npm run build", { cause: error });
}
