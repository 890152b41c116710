import { expect } from "chai";
import type { Browser } from "playwright-core";
import { BROWSER_TIMEOUT_MS, launchChromium } from "./chromium.js";
import { logInAt, PAGES, startFilled, startSession, type Visit, visit } from "./dashboard-kit.js";
import type { TestGateway } from "./gateway.js";

const SHAPE = {
  days: 1,
  models: ["claude-haiku-4-5"],
  keys: ["bob"],
  sessions: 1,
  turns: () => 1,
  costUsd: () => 0.1,
};
const WIDTH = 390;
/** The least height of what a finger can hit, in pixels. */
const MIN_HEIGHT = 32;

/** What of these is beside the screen, or too low, and visible. As text: it runs in the page. */
const OUT_OF_REACH = (selector: string) => `[...document.querySelectorAll(${JSON.stringify(selector)})]
  .filter((one) => one.checkVisibility() && !one.closest(".scroll") || one.matches("nav a"))
  .map((one) => [one.textContent.trim().slice(0, 40), one.getBoundingClientRect()])
  .filter(([, { left, right, height }]) => left < 0 || right > innerWidth || height < ${MIN_HEIGHT})
  .map(([text, { left, right, height }]) => [text, left, right, height].join(" "))`;

describe("the dashboard on a phone", function () {
  this.timeout(BROWSER_TIMEOUT_MS);
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    gateway = await startFilled(SHAPE, 1);
    visited = await visit(browser, gateway, { viewport: { width: WIDTH, height: 844 } });
    visited.page.setDefaultTimeout(20_000);
    await visited.go("overview");
    await logInAt(visited);
    await visited.page.locator(".panel").first().waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  it("has every page's link, and what can be tapped on it, within reach", async () => {
    const { id } = await startSession(gateway);
    for (const path of [...PAGES, `sessions/${id}`]) {
      await visited.go(path);
      await visited.page.locator(".panel").first().waitFor();
      const found = await visited.page.evaluate<string[]>(OUT_OF_REACH("nav a, main a, main button"));
      expect(found, path).to.deep.equal([]);
    }
  });

  it("keeps the prompt's box off the edge of its panel", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    const box = visited.page.locator("#prompt");
    await box.waitFor();
    const inner = await box.boundingBox();
    const outer = await visited.page.locator("form.panel", { has: box }).boundingBox();
    expect((inner?.x ?? 0) - (outer?.x ?? 0)).to.be.at.least(10);
  });

  it("shows all columns of a plugin's table, with their titles", async () => {
    await visited.go("limits");
    const row = visited.page.locator("tbody tr").first();
    await row.waitFor();
    for (const field of ["Whose", "Unit", "Reserved"])
      expect(await row.locator(`td[data-title="${field}"]`).isVisible(), field).to.equal(true);
    const box = await row.boundingBox();
    expect((box?.x ?? 0) + (box?.width ?? 0)).to.be.at.most(WIDTH);
    await visited.go("keys");
    await visited.page.getByRole("link", { name: "sessions of bob" }).waitFor();
  });
});
