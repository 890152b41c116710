/**
 * `npm run release -- <version>` sets the version of every package, and of what they name each other by, and turns the
 * changelog's "Unreleased" into that version. It commits and publishes nothing.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSION = /^\d+\.\d+\.\d+(?:-[a-z]+\.\d+)?$/;
const UNRELEASED = "## Unreleased\n";
const SKIPPED = new Set(["node_modules", "dist", "bundle", "test", "bench", "no-scarf"]);

/** Sets the version in all of a repository's files. Throws, before anything is written, where it cannot be released. */
export function setVersion(root, version, date) {
  if (!VERSION.test(version ?? ""))
    throw new Error(`version must be like 1.2.3, got ${JSON.stringify(version)}`);
  const changelog = join(root, "CHANGELOG.md");
  const text = readFileSync(changelog, "utf8");
  const [before, after] = text.split(UNRELEASED);
  if (after === undefined || after.trimStart().startsWith("## ")) {
    throw new Error('CHANGELOG.md must have something under "## Unreleased"');
  }
  for (const file of manifests(root)) {
    const manifest = readFileSync(file, "utf8");
    const before = JSON.parse(manifest).version;
    writeFileSync(file, manifest.replaceAll(versionsOf(before), `$1${JSON.stringify(version)}`));
  }
  writeFileSync(changelog, `${before}${UNRELEASED}\n## ${version} (${date})\n${after}`);
}

/** The package's own version, and those by which it names the others. */
function versionsOf(version) {
  return new RegExp(`("(?:version|claudeway|@claudeway/[a-z-]+)": )"${version.replaceAll(".", "\\.")}"`, "g");
}

function manifests(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory())
      return SKIPPED.has(entry.name) || entry.name.startsWith(".") ? [] : manifests(path);
    // A new plugin begins with a version of its own.
    return entry.name === "package.json" && !path.includes("templates") ? [path] : [];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    setVersion(".", process.argv[2], new Date().toISOString().slice(0, 10));
    process.stdout.write(
      "Next: npm install --package-lock-only, npm run check, npm test, commit, tag, npm publish --workspaces\n",
    );
  } catch (error) {
    process.stderr.write(`release: ${error.message}\n`);
    process.exitCode = 1;
  }
}
