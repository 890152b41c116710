import { expect } from "chai";
import type { Browser } from "playwright-core";
import { launchChromium } from "./chromium.js";
import {
  askToEdit,
  logInAt,
  PAGES,
  seriousFaults,
  startFilled,
  startSession,
  type Visit,
  visit,
} from "./dashboard-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";

const SHAPE = {
  days: 3,
  models: ["claude-haiku-4-5", "claude-opus-4-5-with-a-long-name-20991231"],
  keys: ["bob", "the-key-of-a-service-with-a-very-long-name-0123456789"],
  sessions: 2,
  varied: true,
  turns: () => 2,
  costUsd: () => 1234.5,
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

/** What is wider than its place, and visible. */
const SIDEWAYS = `[document.documentElement, ...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && !one.closest("pre, code, textarea, .unseen, thead") && !one.closest(".diff"))
  .filter((one) => {
    const { overflowX, textOverflow } = getComputedStyle(one);
    const scrolls = one === document.documentElement || overflowX === "auto" || overflowX === "scroll";
    return scrolls && textOverflow !== "ellipsis" && one.scrollWidth > one.clientWidth + 1;
  })
  .map((one) => [one.tagName, one.className, one.scrollWidth, one.clientWidth].join(" "))`;

/** Parts of tables without a role of their own, which `display` would take away. */
const NO_ROLE = `[...document.querySelectorAll(".cards, .cards :is(thead, tbody, tr, th, td)")]
  .filter((one) => !one.hasAttribute("role")).map(({ outerHTML }) => outerHTML.slice(0, 100))`;

describe("the dashboard on a phone", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    gateway = await startFilled(SHAPE, 1);
    visited = await visit(browser, gateway, { viewport: { width: WIDTH, height: 844 } });
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

  it("scrolls no page sideways, keeps the roles of tables, and satisfies axe", async () => {
    const { page } = visited;
    const session = await startSession(gateway);
    const words = `| a | b |\n|---|---|\n| one | ${"x".repeat(90)} |`;
    await gateway.request(`/session/${session.id}`, {
      body: { prompt: `${"w".repeat(200)} [[say ${words}]]`, metadata: { ticket: "A-17".repeat(20) } },
      key: KEYS.bob,
    });
    const { answer } = await askToEdit(gateway, session);
    await answer;
    for (const path of [...PAGES, "limits", `sessions/${session.id}`]) {
      await visited.go(path);
      await page.locator(".panel").first().waitFor();
      await page.getByText("Loading …").first().waitFor({ state: "detached" });
      await page.evaluate("document.querySelectorAll('main details').forEach((one) => (one.open = true))");
      expect(await page.evaluate<string[]>(SIDEWAYS), path).to.deep.equal([]);
      expect(await page.evaluate<string[]>(NO_ROLE), path).to.deep.equal([]);
      expect(await seriousFaults(page), path).to.deep.equal([]);
    }
    await visited.go("requests");
    const row = page
      .getByRole("row")
      .filter({ hasText: "waiting" })
      .or(page.getByRole("row").filter({ hasText: "parked" }));
    await row.first().waitFor();
    for (const title of ["Begun", "State", "Key", "Model", "Duration", "Cost"])
      expect(await row.first().locator(`[data-title="${title}"]`).isVisible(), title).to.equal(true);
  });

  it("folds the filters of lists, with the number that is set, until they are unfolded by keyboard", async () => {
    const { page, go } = visited;
    const fold = page.getByRole("button", { name: /^Filters/ });
    const filters = page.locator("#filters");
    for (const [path, title] of [
      ["requests", "Filters"],
      ["requests?key_id=bob&min_cost=1", "Filters (2)"],
      ["sessions?key_id=bob", "Filters (1)"],
      ["logs?kind=turn", "Filters (1)"],
    ] as const) {
      await go("plugins");
      await go(path);
      await page.getByRole("button", { name: title, exact: true }).waitFor();
      expect(await filters.isVisible(), path).to.equal(false);
      const list = await page.locator(".panel").first().boundingBox();
      expect(list?.y ?? Number.NaN, path).to.be.below(300);
      await fold.focus();
      await page.keyboard.press("Enter");
      expect(await fold.getAttribute("aria-expanded"), path).to.equal("true");
      await page.keyboard.press("Tab");
      expect(await page.evaluate("document.activeElement.closest('#filters') !== null"), path).to.equal(true);
      expect(
        await page.evaluate<string[]>(OUT_OF_REACH("#filters *:is(input, select, button)")),
        path,
      ).to.deep.equal([]);
      expect(await seriousFaults(page), path).to.deep.equal([]);
    }
  });

  it("folds the filters again once they are applied", async () => {
    const { page, go } = visited;
    await go("plugins");
    await go("requests");
    const fold = page.getByRole("button", { name: /^Filters/ });
    await fold.click();
    await page.getByLabel("Cost from, $").fill("999999");
    await page.keyboard.press("Enter");
    await page.getByText("No requests match.").waitFor();
    await page.getByRole("button", { name: "Filters (1)", exact: true }).waitFor();
    expect(await page.locator("#filters").isVisible()).to.equal(false);
    expect(await fold.evaluate((one) => one.matches(":focus"))).to.equal(true);
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
