import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, isAbsolute, join, resolve } from "node:path";
import { promisify } from "node:util";
import { ConfigError } from "@claudeway/config";
import { messageOf } from "@claudeway/ports";

const VERSION_TIMEOUT_MS = 20_000;

/**
 * The oldest CLI that works in everything: up to 2.1.316, every turn ends without a result, and those before 2.1.300
 * refuse options that the Agent SDK passes. The long tests run the core of turns against it and the newest published one.
 */
export const OLDEST_VERSION = "2.1.317";

/** The CLI that is used, and where it came from. */
export interface ClaudeExecutable {
  /** Absolute path. */
  readonly path: string;
  readonly origin: "bundled" | "configured";
}

/**
 * Finds the CLI: the configured one (a path, or a name on the PATH), else the one that comes with the Agent SDK.
 * `where` names the flag, variable or setting that configured it.
 */
export function findClaude(configured: string | undefined, where = "--claude-bin"): ClaudeExecutable {
  if (configured !== undefined) return { path: findConfigured(configured, where), origin: "configured" };
  const path = findBundled();
  if (path !== undefined) return { path, origin: "bundled" };
  throw new ConfigError(
    `claude is missing: the Agent SDK brought none for ${process.platform}-${process.arch}; ` +
      "install it without --omit=optional, or name one with --claude-bin",
  );
}

/**
 * The CLI's version, as in `2.1.330`, asked with `env` for its environment. Rejects with a one-line reason when it can't
 * be run, is something else, or is older than `OLDEST_VERSION`.
 */
export async function versionOf(
  { path }: ClaudeExecutable,
  env: NodeJS.ProcessEnv,
  timeoutMs = VERSION_TIMEOUT_MS,
): Promise<string> {
  const said = await askVersion(path, env, timeoutMs);
  const version = /\d+\.\d+\.\d+\S*/.exec(said)?.[0];
  if (version === undefined) {
    const shown = JSON.stringify(said.trim().slice(0, 80));
    throw new ConfigError(`claude: ${path} is not the Claude CLI: its --version says ${shown}`);
  }
  if (isOlder(version, OLDEST_VERSION)) {
    throw new ConfigError(`claude: ${path} must be version ${OLDEST_VERSION} or newer, got ${version}`);
  }
  return version;
}

/** Compares the three numbers of two versions. */
function isOlder(version: string, than: string): boolean {
  // Not with localeCompare, which would load a collation for every start.
  const [ours, theirs] = [version, than].map((text) =>
    text.split(".").map((part) => Number.parseInt(part, 10)),
  );
  const at = theirs?.findIndex((part, index) => ours?.[index] !== part) ?? -1;
  return at !== -1 && (ours?.[at] ?? 0) < (theirs?.[at] ?? 0);
}

async function askVersion(path: string, env: NodeJS.ProcessEnv, timeoutMs: number): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ["--version"], {
      env,
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    });
    return stdout;
  } catch (error) {
    throw new Error(`claude: ${path} does not run: ${explainFailure(error, timeoutMs)}`);
  }
}

/** What became of `claude --version`, in one line. */
function explainFailure(error: unknown, timeoutMs: number): string {
  if (typeof error !== "object" || error === null) return messageOf(error);
  if (Reflect.get(error, "killed") === true) return `--version gave no answer within ${timeoutMs / 1000} s`;
  const code: unknown = Reflect.get(error, "code");
  if (typeof code !== "number") return messageOf(error);
  const complaint = String(Reflect.get(error, "stderr") ?? "")
    .trim()
    .split("\n")
    .at(-1);
  return `--version ended with exit code ${code}${complaint ? `: ${complaint}` : ""}`;
}

function findConfigured(configured: string, where: string): string {
  const isPath = isAbsolute(configured) || configured.includes("/");
  const candidates = isPath ? [resolve(configured)] : onPath(configured);
  const found = candidates.find(isExecutable);
  if (found !== undefined) return found;
  const problem = candidates.some((candidate) => existsSync(candidate))
    ? "which this user may not execute"
    : isPath
      ? "which does not exist"
      : "which is not on the PATH";
  throw new ConfigError(
    `${where} must be the path or name of the Claude CLI, got ${JSON.stringify(configured)}, ${problem}`,
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
