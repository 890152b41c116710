import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Browser } from "playwright-core";
import { deferred } from "../kernel/kit.js";
import { startWithDashboard } from "../plugins/dashboard/admin.js";
import { launchChromium } from "./chromium.js";
import { logInAt, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

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

  it("leaves no lines out that came while the log was paused", async () => {
    const { page, go } = visited;
    const asked = "/not-there";
    const lines = page.locator("ol.lines li", { hasText: asked });
    await gateway.request(asked, { key: KEYS.bob });
    await go("logs?kind=request&key_id=bob");
    await lines.first().waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    for (let n = 0; n < 250; n += 10)
      await Promise.all(Array.from({ length: 10 }, () => gateway.request(asked, { key: KEYS.bob })));
    await page.getByRole("button", { name: "Resume" }).click();
    await lines.nth(199).waitFor();
    const older = page.getByRole("button", { name: "Older" });
    // The button rests while lines are being fetched.
    await eventually("every line", async () => {
      if ((await lines.count()) >= 251) return true;
      if (await older.isEnabled()) await older.click();
      return false;
    });
    expect(await lines.count()).to.equal(251);
  });

  it("goes on with the lines of the filter that was chosen while others were fetched", async () => {
    const { page, go } = visited;
    await go("logs?kind=request");
    await page.locator("ol.lines li").first().waitFor();
    const late = /\/admin\/logs\?.*after=/;
    const fetching = deferred();
    await page.route(late, async (route) => {
      fetching.resolve();
      await sleep(1500);
      await route.continue();
    });
    await gateway.request("/one-more", { key: KEYS.bob });
    await fetching.promise;
    await page.getByLabel("Key").selectOption("bob");
    const lines = page.locator("ol.lines li");
    await lines.nth(199).waitFor();
    await sleep(3000);
    await page.unroute(late);
    await page.getByRole("button", { name: "Older" }).click();
    await lines.nth(250).waitFor();
    const ids = await lines.allInnerTexts();
    expect(ids.filter((text) => text.includes("/not-there"))).to.have.length(251);
  });
});
