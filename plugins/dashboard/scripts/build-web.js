/** Builds the pages into dist/web, unless they are newer than all of their sources. */
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PLUGIN = dirname(dirname(fileURLToPath(import.meta.url)));
const BUILT = join(PLUGIN, "dist/web/index.html");

function newestIn(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Math.max(...files.map(timeOf));
}

function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

const sources = Math.max(newestIn(join(PLUGIN, "web")), timeOf(join(PLUGIN, "package.json")));
if (timeOf(BUILT) <= sources) {
  const { build } = await import("vite");
  await build({ configFile: join(PLUGIN, "web/vite.config.js"), logLevel: "warn" });
}
