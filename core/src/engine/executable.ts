import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../errors.js";

/** The CLI that is used, and where it came from. */
export interface ClaudeExecutable {
  /** Absolute path. */
  readonly path: string;
  readonly origin: "bundled" | "configured";
}

/** Finds the CLI: the configured one (a path, or a name on the PATH), else the one that comes with the Agent SDK. */
export function findClaude(configured: string | undefined): ClaudeExecutable {
  if (configured !== undefined) return { path: findConfigured(configured), origin: "configured" };
  const path = findBundled();
  if (path !== undefined) return { path, origin: "bundled" };
  throw new Error(
    `claude is missing: the Agent SDK brought none for ${process.platform}-${process.arch}; ` +
      "install it without --omit=optional, or name one with --claude-bin",
  );
}

/** The CLI's version, as in `2.1.330`. Rejects with a one-line reason when it can't be run. */
export async function versionOf({ path }: ClaudeExecutable): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 20_000 });
    return /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0] ?? stdout.trim();
  } catch (error) {
    throw new Error(`claude does not run: ${path} --version failed: ${messageOf(error).split("\n")[0]}`);
  }
}

function findConfigured(configured: string): string {
  const candidates =
    isAbsolute(configured) || configured.includes("/") ? [resolve(configured)] : onPath(configured);
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    `--claude-bin (CLAUDE_BIN): is ${JSON.stringify(configured)}; it takes the path of an executable`,
  );
}

function onPath(name: string): string[] {
  return (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name));
}

/** The SDK's native packages are its optional dependencies, one for each platform. */
function findBundled(): string | undefined {
  const sdk = createRequire(import.meta.url).resolve("@anthropic-ai/claude-agent-sdk");
  const platform = `${process.platform}-${process.arch}`;
  for (const suffix of ["", "-musl"]) {
    try {
      const path = createRequire(sdk).resolve(`@anthropic-ai/claude-agent-sdk-${platform}${suffix}/claude`);
      if (isExecutable(path)) return path;
    } catch {
      // Not installed: the other C library's package may be.
    }
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
