import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Pages } from "@claudeway/core";

/** Where the build puts the pages. */
const FOLDER = fileURLToPath(new URL("./web", new URL("../", import.meta.url)));

/** Nothing but what this gateway serves, nothing inline, and no text that becomes markup. */
const POLICY = [
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "require-trusted-types-for 'script'",
  // Svelte's own, which takes the constant markup of components, and that of the worker's address.
  "trusted-types svelte-trusted-html claudeway-worker",
];

/** The built pages. Rejects where there are none. */
export async function builtPages(): Promise<Pages> {
  const entries = await readdir(FOLDER, { withFileTypes: true, recursive: true }).catch(notBuilt);
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return {
    files: Object.fromEntries(files.map((file) => [file.slice(FOLDER.length), file])),
    policy: POLICY,
    immutable: (path) => path.startsWith("/assets/"),
  };
}

function notBuilt(error: unknown): never {
  throw new Error("its pages are not built; run: npm run build", { cause: error });
}
