import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Pages } from "@claudeway/core";

/** Output folder of the build. */
const FOLDER = fileURLToPath(new URL("./web", new URL("../", import.meta.url)));

/** Only files that this gateway serves, nothing inline, and no text that becomes markup. */
const POLICY = [
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "require-trusted-types-for 'script'",
  // Svelte's policy, for the constant markup of components, and the policy for the worker's URL.
  "trusted-types svelte-trusted-html claudeway-worker",
];

/** The built pages. Rejects if there are none. */
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
  throw new Error("the dashboard's pages are not built; run: npm run build", { cause: error });
}
