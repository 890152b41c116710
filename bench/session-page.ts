import type { Browser } from "playwright-core";
import { launchChromium } from "../test/e2e/chromium.js";
import { logInAt, type Visit, visit } from "../test/e2e/dashboard-kit.js";
import { startLongSession } from "../test/e2e/long-session.js";
import { median } from "./median.js";

/*
 * How long the dashboard's page of a session takes to open, in Chromium, from the click to the latest turn's answer: with a
 * hundred turns in the session, and with 2,000. Run: node --import tsx bench/session-page.ts [turns] [rounds]
 */

const FEW = 100;
const MANY = Number(process.argv[2] ?? 2_000);
const ROUNDS = Number(process.argv[3] ?? 10);

async function opened({ page, go }: Visit, id: string, turns: number): Promise<number> {
  await go("plugins");
  await page.getByRole("article", { name: "Plugin dashboard" }).waitFor();
  const started = performance.now();
  await go(`sessions/${id}`);
  await page.getByText(`Part ${turns - 1}`, { exact: true }).waitFor();
  return performance.now() - started;
}

async function measure(browser: Browser, turns: number): Promise<number> {
  const { gateway, id } = await startLongSession(turns);
  try {
    const visited = await visit(browser, gateway);
    await visited.go("overview");
    await logInAt(visited);
    await visited.page.locator(".panel").first().waitFor();
    const first = await opened(visited, id, turns);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await opened(visited, id, turns));
    process.stdout.write(
      `a session of ${turns} turns opens in ${median(times).toFixed(0)} ms (the first time ${first.toFixed(0)} ms, ` +
        `at most ${Math.max(...times).toFixed(0)} ms)\n`,
    );
    return median(times);
  } finally {
    await gateway.dispose();
  }
}

const browser = await launchChromium();
try {
  const [few, many] = [await measure(browser, FEW), await measure(browser, MANY)];
  process.stdout.write(`ratio ${(many / few).toFixed(2)}\n`);
} finally {
  await browser.close();
}
