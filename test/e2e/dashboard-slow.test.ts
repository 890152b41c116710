import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Browser } from "playwright-core";
import { startWithDashboard } from "../plugins/dashboard/admin.js";
import { launchChromium } from "./chromium.js";
import { logInAt, type Visit, visit } from "./dashboard-kit.js";
import type { TestGateway } from "./gateway.js";

/** More than a turn takes on a busy machine. */
const SLOW_MS = 6000;

describe("the dashboard where answers are slow, and much happens", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    gateway = await startWithDashboard();
    visited = await visit(browser, gateway);
    await visited.go("plugins");
    await logInAt(visited);
    await visited.page.getByRole("heading", { level: 1, name: "Plugins" }).waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  it("shows a page that takes longer to load than the next change takes to come", async () => {
    const { page, go } = visited;
    const slow = "**/admin/requests*";
    await page.route(slow, async (route) => {
      await sleep(SLOW_MS);
      await route.continue();
    });
    let isOver = false;
    const prompt = async () => {
      while (!isOver) await gateway.request("/task", { body: { prompt: "[[say Done.]]" } });
    };
    const prompting = [prompt(), prompt(), prompt()];
    try {
      await go("requests");
      await page
        .getByText("[[say Done.]]")
        .first()
        .waitFor({ timeout: 5 * SLOW_MS });
    } finally {
      isOver = true;
      await Promise.all(prompting);
      await page.unroute(slow);
    }
  });
});
