import { type Browser, type BrowserContext, type BrowserContextOptions, chromium } from "playwright-core";
import { debianProgram } from "../debian.js";
import { PATIENCE_MS } from "./poll.js";

const CHROMIUM = { names: ["chromium", "chromium-browser", "google-chrome"], package: "chromium" };

/** Starts a headless Chromium; installs it if it is not there. */
export async function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: await debianProgram(CHROMIUM),
    // Chromium refuses its own sandbox to root, as in most containers.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
}

/** A context whose pages may be slow, as on a busy machine. */
export async function newContext(browser: Browser, options?: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}
