import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface DebianProgram {
  /** What it may be called, the usual name first; or absolute paths, of what is not on the PATH. */
  readonly names: readonly string[];
  readonly package: string;
}

/** The path of a program. Where it is missing and this is root, its package is installed first; no daemon is started. */
export async function debianProgram({ names, package: name }: DebianProgram): Promise<string> {
  const there = find(names);
  if (there !== undefined) return there;
  if (process.getuid?.() === 0) await install(names, name);
  const found = find(names);
  if (found !== undefined) return found;
  throw new Error(`none of ${names.join(", ")} is there: install one, as in apt-get install ${name}`);
}

/** One at a time, and to its end: another test that finds a program half installed would start that. */
async function install(names: readonly string[], name: string): Promise<void> {
  const missing = names.map((one) => `! command -v ${one} >/dev/null`).join(" && ");
  const script = `if ${missing}; then apt-get update && apt-get install -y --no-install-recommends ${name}; fi`;
  await run("flock", ["/var/cache/apt", "sh", "-c", script], {
    // At run level 1 no package starts its daemon.
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    maxBuffer: 64 * 1024 * 1024,
  });
}

function find(names: readonly string[]): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return names
    .flatMap((name) => (isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name))))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
