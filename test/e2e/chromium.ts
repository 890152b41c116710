import { type Browser, chromium } from "playwright-core";
import { debianProgram, INSTALL_TIMEOUT_MS } from "../debian.js";

const CHROMIUM = { names: ["chromium", "chromium-browser", "google-chrome"], package: "chromium" };

/** How long a test that starts a browser may take, in ms. */
export const BROWSER_TIMEOUT_MS = INSTALL_TIMEOUT_MS;

/** Starts a headless Chromium; installs it if it is not there. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await debianProgram(CHROMIUM),
    // Chromium refuses its own sandbox to root, as in most containers.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}
