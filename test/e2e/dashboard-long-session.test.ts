import { expect } from "chai";
import type { Browser } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, type Visit, visit } from "./dashboard-kit.js";
import { type LongSession, startLongSession } from "./long-session.js";
import { eventually } from "./poll.js";

const TURNS = 2000;
const PAGE = 20;
const MAX_BYTES = 600_000;

describe("the dashboard's page of a session of 2,000 turns", () => {
  let browser: Browser;
  let long: LongSession;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    long = await startLongSession(TURNS);
    visited = await visit(browser, long.gateway);
    await visited.go("overview");
    await logInAt(visited);
    await visited.page.locator(".panel").first().waitFor();
  });
  after(async () => {
    await long.gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  const turns = () => visited.page.getByRole("article", { name: /^Turn / });

  it("fetches and shows the latest 20, in their order", async () => {
    const { page, go } = visited;
    const fetched: { path: string; bytes: Promise<number> }[] = [];
    page.on("response", (response) => {
      const path = response.url().split("/admin/")[1];
      if (path?.startsWith("sessions/"))
        fetched.push({ path, bytes: response.body().then((body) => body.length) });
    });
    await go(`sessions/${long.id}`);
    await page.getByText(`Prompt ${TURNS}`, { exact: true }).waitFor();
    expect(await turns().count()).to.equal(PAGE);
    expect(await turns().first().innerText()).to.include(`Prompt ${TURNS - PAGE + 1}\n`);
    expect(await turns().last().innerText()).to.include(`Part ${TURNS - 1}\n`);
    for (const { path } of fetched.filter(({ path }) => /turns|messages/.test(path)))
      expect(path).to.match(new RegExp(`[?&]page=1&limit=${PAGE}$`));
    const sizes = await Promise.all(fetched.map(({ bytes }) => bytes));
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).to.be.within(1, MAX_BYTES);
  });

  it("shows 20 of any other part", async () => {
    const { page, go } = visited;
    await go(`sessions/${long.id}`);
    await page.getByText(`Prompt ${TURNS}`, { exact: true }).waitFor();
    await page.getByRole("button", { name: "Older" }).first().click();
    await page.getByText(`Prompt ${TURNS - PAGE}`, { exact: true }).waitFor();
    expect(await turns().count()).to.equal(PAGE);
    await go(`sessions/${long.id}?page=${TURNS / PAGE}`);
    await page.getByText("Prompt 1", { exact: true }).waitFor();
    await eventually("the first turns", async () => (await turns().count()) === PAGE);
    expect(await turns().first().innerText()).to.include("Prompt 1\n");
  });
});
