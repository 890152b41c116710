import { expect } from "chai";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium, newContext } from "./chromium.js";
import { startSession } from "./dashboard-kit.js";
import { KEYS, TestGateway } from "./gateway.js";
import { areTwoNodes } from "./two-nodes.js";

/** A browser opens at most six connections to a host over HTTP/1.1. */
const TABS = 8;

describe("the dashboard in many tabs, over HTTP/1.1", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let context: BrowserContext;
  const tabs: Page[] = [];
  const trouble: string[] = [];
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start({ args: ["--enable-plugin", "dashboard"] });
    context = await newContext(browser);
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(trouble).to.deep.equal([]));

  async function open(path: string): Promise<Page> {
    const page = await context.newPage();
    page.on("pageerror", (error) => trouble.push(String(error)));
    page.on("console", (message) => {
      if (
        message.type() === "error" &&
        !/status of 401|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/.test(message.text())
      )
        trouble.push(message.text());
    });
    await page.goto(`${gateway.url}/dashboard/#/${path}`);
    return page;
  }

  const live = (page: Page) =>
    page.getByRole("status").getByText("Live", { exact: true }).waitFor({ state: "attached" });

  it("loads all of them, each one live", async () => {
    for (let tab = 0; tab < TABS; tab++) {
      const page = await open("overview");
      tabs.push(page);
      if (tab === 0) {
        await page.getByLabel("Admin key").fill(KEYS.admin);
        await page.getByRole("button", { name: "Log in" }).click();
      }
      await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
      await live(page);
    }
  });

  it("shows the text of its own session's turn in each tab", async () => {
    const sessions = [await startSession(gateway), await startSession(gateway)];
    const turns: Promise<unknown>[] = [];
    for (const [index, { id }] of sessions.entries()) {
      const words = `[[slow 60]] [[words 40]] of ${index}`;
      turns.push(gateway.request(`/session/${id}`, { body: { prompt: words }, key: KEYS.bob }));
      await tabs[index]?.goto(`${gateway.url}/dashboard/#/sessions/${id}`);
    }
    for (const page of tabs.slice(0, 2)) await page.getByText("word1 word2 word3").first().waitFor();
    await Promise.all(turns);
    for (const page of tabs.slice(0, 2))
      await page
        .getByText(/word39 word40/)
        .first()
        .waitFor();
  });

  it("keeps the other tabs live when the first one closes", async () => {
    await tabs[0]?.close();
    const session = await startSession(gateway);
    await tabs[5]?.goto(`${gateway.url}/dashboard/#/sessions`);
    const row = tabs[5]?.getByText(session.id.slice(0, 8)).first();
    await row?.waitFor();
    const later = await startSession(gateway);
    await tabs[5]?.getByText(later.id.slice(0, 8)).first().waitFor();
  });

  it("reports the logout in every other tab when one logs out", async () => {
    await tabs[6]?.getByRole("button", { name: "Log out" }).click();
    await tabs[6]?.getByLabel("Admin key").waitFor();
    for (const page of [tabs[1], tabs[5], tabs[7]]) {
      await page?.getByText("You have logged out in another tab.").waitFor();
    }
    for (const page of tabs.slice(1))
      expect(await page.getByText("Your login has expired.").count()).to.equal(0);
  });

  it("notices a restarted gateway, which has forgotten the login unless it is in the database", async () => {
    const [page] = tabs.slice(5);
    await page?.getByLabel("Admin key").fill(KEYS.admin);
    await page?.getByRole("button", { name: "Log in" }).click();
    if (page !== undefined) await live(page);
    const { port } = new URL(gateway.url);
    await gateway.stop();
    await page?.getByRole("status").getByText("Connecting", { exact: true }).waitFor({ state: "attached" });
    await gateway.launch({ args: ["--enable-plugin", "dashboard"], port });
    if (areTwoNodes() && page !== undefined) await live(page);
    await page?.getByLabel("Admin key").waitFor({ state: areTwoNodes() ? "detached" : "visible" });
  });

  it("works without shared workers", async () => {
    const alone = await newContext(browser);
    await alone.addInitScript("delete globalThis.SharedWorker");
    const page = await alone.newPage();
    await page.goto(`${gateway.url}/dashboard/`);
    await page.getByLabel("Admin key").fill(KEYS.admin);
    await page.getByRole("button", { name: "Log in" }).click();
    await live(page);
    await alone.close();
  });
});
