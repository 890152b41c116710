import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import type { Browser } from "playwright-core";
import { deferred } from "../kernel/kit.js";
import { launchChromium } from "./chromium.js";
import { logInAt, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const LONG = "hay ".repeat(256 * 1024);
const MANY = 5300;

const thisMonth = () => new Date().toISOString().slice(0, 7);

describe("the dashboard's log page", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start({ args: ["--enable-plugin", "dashboard"] });
    fill("old", ["a needle", ...Array.from({ length: 110 }, () => LONG)]);
    fill(
      "former",
      Array.from({ length: MANY }, (_, n) => `line ${n}.`),
    );
    visited = await visit(browser, gateway);
    await visited.go("logs?kind=approval");
    await logInAt(visited);
    await visited.page.getByRole("heading", { level: 1, name: "Logs" }).waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  /** Writes lines of this month, oldest first; the first one at its beginning, unless `start` says when. */
  function fill(
    key: string,
    messages: readonly string[],
    start = Date.parse(`${thisMonth()}-01T00:00:00Z`),
  ): void {
    const month = thisMonth();
    const lines = messages.map((message, n) =>
      JSON.stringify({
        timestamp: new Date(start + n).toISOString(),
        level: "INFO",
        key_id: key,
        message,
      }),
    );
    mkdirSync(join(gateway.logDir, key), { recursive: true });
    writeFileSync(join(gateway.logDir, key, `${month}.log`), `${lines.join("\n")}\n`);
  }

  const lines = (text: string) => visited.page.locator("ol.lines li", { hasText: text });
  const older = () => visited.page.getByRole("button", { name: "Older" });

  /** Has lines written until the page has looked for them; resolves to the bytes that the gateway read for that. */
  async function write(path: string): Promise<number> {
    const looking = visited.page.waitForResponse(/\/admin\/logs\?/);
    await gateway.request(path, { key: KEYS.bob });
    const { read_bytes } = await (await looking).json();
    return read_bytes;
  }

  it("leaves no lines out that came while the log was paused", async () => {
    const { page, go } = visited;
    const asked = "/asked-while-paused";
    const shown = lines(asked);
    await gateway.request(asked, { key: KEYS.bob });
    await go("logs?kind=request&key_id=bob");
    await shown.first().waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    for (let n = 0; n < 250; n += 10)
      await Promise.all(Array.from({ length: 10 }, () => gateway.request(asked, { key: KEYS.bob })));
    await page.getByRole("button", { name: "Resume" }).click();
    await shown.nth(199).waitFor();
    // The button rests while lines are being fetched.
    await eventually("every line", async () => {
      if ((await shown.count()) >= 251) return true;
      if (await older().isEnabled()) await older().click();
      return false;
    });
    expect(await shown.count()).to.equal(251);
  });

  it("goes on with the lines of the filter that was chosen while others were fetched", async () => {
    const { page, go } = visited;
    await go("logs?kind=request");
    await lines("").first().waitFor();
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
    const shown = lines("");
    await shown.nth(199).waitFor();
    await sleep(3000);
    await page.unroute(late);
    await older().click();
    await shown.nth(250).waitFor();
    const ids = await shown.allInnerTexts();
    expect(ids.filter((text) => text.includes("/asked-while-paused"))).to.have.length(251);
  });

  it("keeps a search and what it has found where they are while lines are written", async () => {
    const { page, go } = visited;
    await go("logs?search=needle");
    const searched = page.getByText(/No match in the newest/);
    const text = await searched.innerText();
    for (let round = 0; round < 2; round++)
      expect(await write("/not-there"), "bytes that were read for a line").to.be.lessThan(8 * 1024 * 1024);
    await page.locator("section[aria-busy=false]").waitFor();
    expect(await searched.innerText()).to.equal(text);
    await eventually("the needle", async () => {
      if (await lines("a needle").isVisible()) return true;
      if (await older().isEnabled()) await older().click();
      return false;
    });
    for (let round = 0; round < 2; round++)
      expect(await write("/not-there"), "bytes that were read for a line").to.be.lessThan(8 * 1024 * 1024);
    await page.locator("section[aria-busy=false]").waitFor();
    await lines("a needle").waitFor();
    await write("/needle-of-today");
    await lines("/needle-of-today").waitFor();
    expect(await lines("needle").first().innerText(), "the newest is on top").to.include("/needle-of-today");
  });

  it("shows a line that was written while others were fetched", async () => {
    const { page, go } = visited;
    await go("logs?kind=request&search=late-one");
    const early = "/not-yet-late-one";
    await write(early);
    await lines(early).waitFor();
    const slow = /\/admin\/logs\?.*before=/;
    await page.route(slow, async (route) => {
      await gateway.request("/late-one", { key: KEYS.bob });
      // The gateway reports new lines once a second.
      await sleep(4000);
      await route.continue();
    });
    await older().click();
    await lines("/late-one").waitFor();
    await page.unroute(slow);
  });

  it("goes on to older lines where it has as many as it keeps, and to the newest ones from there", async () => {
    const { page, go } = visited;
    await go("logs?key_id=former");
    await lines("line 5299.").waitFor();
    await eventually("the oldest", async () => {
      if (await lines("line 0.").isVisible()) return true;
      if (await older().isEnabled()) await older().click();
      return false;
    });
    await page.getByText("5,000 lines, paused").waitFor();
    expect(await lines("line 5299.").count()).to.equal(0);
    await page.getByRole("button", { name: "Resume" }).click();
    await lines("line 5299.").waitFor();
    await page.getByText("200 lines", { exact: true }).waitFor();
  });

  it("keeps what someone reads further back when many lines are written, and leads to those", async () => {
    const { page, go } = visited;
    await go("logs");
    // How many lines of the gateway's own are newer depends on how long the tests before took.
    await eventually("older lines", async () => {
      if (await lines("line 5000.").isVisible()) return true;
      if (await older().isEnabled()) await older().click();
      return false;
    });
    await page.locator("section[aria-busy=false]").waitFor();
    fill(
      "flood",
      Array.from({ length: 450 }, (_, n) => `drop ${n}.`),
      Date.now(),
    );
    await page.getByText(/^\d+ lines, paused$/).waitFor();
    expect(await lines("line 5000.").count()).to.equal(1);
    await page.getByRole("button", { name: "Resume" }).click();
    await lines("drop 449.").waitFor();
    expect(await lines("line 5000.").count()).to.equal(0);
  });

  it("goes on in the new month when one begins", async () => {
    const other = await visit(browser, gateway);
    await other.page.clock.install({ time: "2031-01-31T23:59:30.000Z" });
    const asked = (month: string) => other.page.waitForResponse(new RegExp(`/admin/logs\\?.*date=${month}`));
    const first = asked("2031-01");
    await other.go("logs");
    await logInAt(other);
    await first;
    const next = asked("2031-02");
    await other.page.clock.fastForward(40_000);
    await next;
    expect(await other.page.getByLabel("Month, UTC").inputValue()).to.equal("2031-02");
    await other.close();
  });
});
