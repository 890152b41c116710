import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, startSession, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

/** On the page of requests, what the page gives up after a minute takes two seconds, until it is told to be patient. */
const IMPATIENT = `const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) =>
    timeout(location.hash === "#/requests" && !globalThis.isPatient ? ms / 30 : ms);`;

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
    await page.addInitScript(IMPATIENT);
    await open("plugins");
    let asked = 0;
    await page.route("**/admin/requests?*", (route) => (++asked === 1 ? undefined : route.continue()));
    await visited.go("requests");
    await eventually("the first one", () => asked >= 1);
    // On a busy machine, those that are answered may take longer.
    await page.evaluate("globalThis.isPatient = true");
    await gateway.request("/task", { body: { prompt: "[[say Done.]]" } });
    await page.getByText("[[say Done.]]").first().waitFor();
  });

  it("says why a text can't be shown whole", async () => {
    const { id } = await startSession(gateway);
    const prompt = `[[echo]] ${"long ".repeat(60_000)}end`;
    await gateway.request(`/session/${id}`, { body: { prompt, verbatim: true }, key: KEYS.bob });
    await open(`sessions/${id}?source=1`);
    await page.route("**/admin/turns/*", (route) => route.abort());
    const answer = page.locator("article .body");
    const all = answer.getByRole("button", { name: /Show all/ });
    await all.click();
    await answer.getByRole("alert").getByText("the gateway does not respond").waitFor();
    await page.unroute("**/admin/turns/*");
    await all.click();
    await eventually("all of it", async () => (await answer.locator("pre").innerText()).endsWith("end"));
    expect(await answer.getByRole("alert").count()).to.equal(0);
  });

  it("says that a login has not ended, until it has", async () => {
    await open("plugins");
    await page.route("**/admin/logout", (route) => route.abort());
    const button = page.getByRole("button", { name: "Log out" });
    await button.click();
    await page
      .getByRole("alert")
      .getByText("You are still logged in: the gateway does not respond.")
      .waitFor();
    await page.unroute("**/admin/logout");
    await button.click();
    await page.getByLabel("Admin key").waitFor();
  });
});
