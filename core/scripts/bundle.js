/*
 * Puts each package's compiled files into few: `dist/` into `bundle/`, one file for each entry and for what is loaded late.
 * Node finds, reads and links every file of a program by itself; hundreds of them were more than half of a start. Other
 * packages stay imports, so that a plugin and the gateway share one `@claudeway/core`. Part of the build, after the TypeScript
 * compiler. Programs that need single files (unit tests) start Node with `--conditions=unbundled`.
 */

import { readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Files that a package starts as programs or threads of their own, or that its command loads. */
const PROGRAMS = {
  core: ["turns/output-worker.js"],
  "core/cli": ["main.js"],
  "core/engine-claude": ["fork-child.js", "sweep.js"],
};

const PACKAGES = [
  "config",
  "schemas",
  "core",
  ...[
    "cli",
    "cluster",
    "conversations",
    "engine-claude",
    "events",
    "kernel",
    "ledger",
    "ledger-postgres",
  ].map(below),
  ...["ledger-sqlite", "pages", "ports", "scheduling", "testing", "workdirs"].map(below),
];

await Promise.all(PACKAGES.map(bundle));

function below(name) {
  return `core/${name}`;
}

async function bundle(folder) {
  const outdir = join(ROOT, folder, "bundle");
  rmSync(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: join(ROOT, folder),
    entryPoints: entriesOf(folder),
    outdir,
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20.19",
    logLevel: "warning",
  });
}

/** What the package exports as a file of its bundle, made of the file that it exports unbundled, and its programs. */
function entriesOf(folder) {
  const { exports } = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
  const exported = Object.values(exports).flatMap(({ unbundled, default: bundled }) =>
    unbundled === undefined ? [] : [{ in: unbundled, out: nameOf(bundled, "./bundle") }],
  );
  const programs = (PROGRAMS[folder] ?? []).map((file) => ({
    in: `./dist/${file}`,
    out: nameOf(file, dirname(file)),
  }));
  return [...exported, ...programs];
}

function nameOf(file, folder) {
  return file.replace(/\.js$/, "").slice(folder === "." ? 0 : folder.length + 1);
}
