import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, type Visit, visit } from "./dashboard-kit.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** Waits for data that the page gives up after a minute take two seconds. */
const SOONER = `const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => timeout(ms / 30);`;

describe("the dashboard where no answers come", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start({ args: ["--enable-plugin", "dashboard"] });
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  beforeEach(async () => {
    visited = await visit(browser, gateway);
    page = visited.page;
    page.setDefaultTimeout(20_000);
  });
  afterEach(async () => {
    await visited.close();
    expect(visited.trouble.filter((line) => !line.includes("ERR_FAILED"))).to.deep.equal([]);
  });

  async function open(path: string): Promise<void> {
    await visited.go(path);
    await logInAt(visited);
    await page.getByRole("status").getByText("Live", { exact: true }).waitFor({ state: "attached" });
  }

  it("says that the connection is lost when nothing comes by it, and connects anew", async () => {
    // The clock of a shared worker can't be moved.
    await page.addInitScript("delete globalThis.SharedWorker");
    await page.clock.install();
    await open("plugins");
    gateway.signal("SIGSTOP");
    try {
      await page.clock.fastForward(45_000);
      await page.getByRole("status").getByText("Connecting", { exact: true }).waitFor({ state: "attached" });
    } finally {
      gateway.signal("SIGCONT");
    }
    await page.getByRole("status").getByText("Live", { exact: true }).waitFor({ state: "attached" });
  });

  it("asks again where an answer never came", async () => {
    await page.addInitScript(SOONER);
    await open("plugins");
    let asked = 0;
    await page.route("**/admin/requests?*", (route) => (++asked === 1 ? undefined : route.continue()));
    await visited.go("requests");
    await eventually("the first one", () => asked === 1);
    await gateway.request("/task", { body: { prompt: "[[say Done.]]" } });
    await page.getByText("[[say Done.]]").first().waitFor();
  });
});
