import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";

const run = promisify(execFile);

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** How long a test that starts a browser may take, in ms: it may have to be installed first. */
export const BROWSER_TIMEOUT_MS = 300_000;

/** Starts a headless Chromium; installs it if it is not there. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await installedChromium(),
    // Chromium refuses its own sandbox to root, as in most containers.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

async function installedChromium(): Promise<string> {
  if (process.getuid?.() === 0) await install();
  const found = findChromium();
  if (found !== undefined) return found;
  throw new Error(
    `no Chromium on the PATH (${NAMES.join(", ")}): install one, as in apt-get install chromium`,
  );
}

/** One at a time, and to its end: another test that finds a browser half installed would start that. */
async function install(): Promise<void> {
  const missing = NAMES.map((name) => `! command -v ${name} >/dev/null`).join(" && ");
  const script = `if ${missing}; then apt-get update && apt-get install -y --no-install-recommends chromium; fi`;
  await run("flock", ["/var/cache/apt", "sh", "-c", script], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    maxBuffer: 64 * 1024 * 1024,
  });
}

function findChromium(): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
