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
  const found = findChromium();
  if (found !== undefined) return found;
  if (process.getuid?.() !== 0) {
    throw new Error(
      `no Chromium on the PATH (${NAMES.join(", ")}): install one, as in apt-get install chromium`,
    );
  }
  await run("apt-get", ["update"]);
  await run("apt-get", ["install", "-y", "--no-install-recommends", "chromium"], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    maxBuffer: 64 * 1024 * 1024,
  });
  const installed = findChromium();
  if (installed === undefined) throw new Error("apt-get install chromium left no chromium on the PATH");
  return installed;
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
