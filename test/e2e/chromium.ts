import { type Browser, chromium } from "playwright-core";
import { debianProgram } from "../debian.js";

const CHROMIUM = { names: ["chromium", "chromium-browser", "google-chrome"], package: "chromium" };

/** Starts a headless Chromium; installs it if it is not there. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await debianProgram(CHROMIUM),
    // Chromium refuses its own sandbox to root, as in most containers.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}
