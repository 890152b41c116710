import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, seriousFaults, startSession, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

describe("the dashboard's commands and shortcuts", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start({ args: ["--enable-plugin", "dashboard"], env: { IS_SANDBOX: "1" } });
    visited = await visit(browser, gateway);
    page = visited.page;
    await visited.go("overview");
    await logInAt(visited);
    await heading("Overview").waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  const heading = (name: string) => page.getByRole("heading", { level: 1, name });
  const palette = () => page.getByRole("dialog", { name: "Commands" });
  /** At once: the page gives the second key a moment only. */
  const chord = (letter: string) => Promise.all(["g", letter].map((key) => page.keyboard.press(key)));
  const chosen = () => palette().getByRole("option", { selected: true });

  for (const keys of ["Control+k", "Meta+k"]) {
    it(`opens the commands with ${keys}, finds a page by its words, and opens it`, async () => {
      await page.keyboard.press(keys);
      await palette().waitFor();
      expect(await seriousFaults(page)).to.deep.equal([]);
      await page.keyboard.type("cos");
      expect(await chosen().innerText()).to.match(/^Costs/);
      await page.keyboard.press("Enter");
      await heading("Costs").waitFor();
      expect(await palette().isVisible()).to.equal(false);
      await page.keyboard.press(keys);
      await palette().waitFor();
      await page.keyboard.press(keys);
      await palette().waitFor({ state: "hidden" });
      await chord("o");
      await heading("Overview").waitFor();
    });
  }

  it("moves through the commands with the arrows, around both ends, and closes with Escape", async () => {
    await page.keyboard.press("Control+k");
    expect(await chosen().innerText()).to.match(/^Overview/);
    await page.keyboard.press("ArrowDown");
    expect(await chosen().innerText()).to.match(/^Requests/);
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowUp");
    const last = await chosen().getAttribute("id");
    expect(last).to.equal(`command-${(await palette().getByRole("option").count()) - 1}`);
    expect(await page.getByRole("combobox").getAttribute("aria-activedescendant")).to.equal(last);
    await page.keyboard.type("nothing like this");
    await palette().getByText("Nothing found.").waitFor();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    await palette().waitFor({ state: "hidden" });
    await heading("Overview").waitFor();
  });

  it("finds a session by its title and by the beginning of its id, and the requests of a key", async () => {
    const { id } = await startSession(gateway);
    await gateway.request(`/session/${id}`, {
      method: "PATCH",
      body: { title: "Leaky bucket" },
      key: KEYS.bob,
    });
    await page.keyboard.press("Control+k");
    await page.keyboard.type("leaky");
    await palette().getByRole("option", { name: "Leaky bucket · bob" }).waitFor();
    await page.keyboard.press("Enter");
    await heading("Leaky bucket").waitFor();
    await page.keyboard.press("Control+k");
    await page.keyboard.type(id.slice(0, 9));
    await eventually("one", async () => (await palette().getByRole("option").count()) === 1);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+k");
    await page.keyboard.type("requests bob");
    await palette().getByRole("option", { name: "Requests of bob" }).waitFor();
    await page.keyboard.press("Enter");
    await heading("Requests").waitFor();
    expect(page.url()).to.include("key_id=bob");
  });

  it("lists the shortcuts, and opens every page with one", async () => {
    await page.keyboard.press("?");
    const sheet = page.getByRole("dialog", { name: "Shortcuts" });
    await sheet.waitFor();
    expect(await seriousFaults(page)).to.deep.equal([]);
    const rows = (await sheet.locator("dl").innerText()).split("\n").join(" ");
    await page.keyboard.press("Escape");
    await sheet.waitFor({ state: "hidden" });
    const pages = ["Requests", "Sessions", "Approvals", "Logs", "Keys", "Costs", "Plugins", "Overview"];
    for (const title of pages) {
      const letter = title.charAt(0).toLowerCase();
      expect(rows).to.match(new RegExp(`g\\s*${letter}\\s*${title}`));
      await chord(letter);
      await heading(title).waitFor();
    }
  });

  it("treats letters as text while the user types", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    const box = page.getByLabel("Prompt, on behalf of the key bob");
    await box.focus();
    await page.keyboard.type("go? t");
    expect(await box.inputValue()).to.equal("go? t");
    expect(page.url()).to.include(id);
    expect(await page.locator("html").getAttribute("data-theme")).to.equal("auto");
    await page.getByRole("heading", { name: id }).click();
    await page.keyboard.press("t");
    await eventually(
      "the theme",
      async () => (await page.locator("html").getAttribute("data-theme")) === "light",
    );
  });
});

describe("the dashboard's commands and filters, with many keys", () => {
  const ids = ["admin", ...Array.from({ length: 130 }, (_, n) => `team-${n}`)];
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start({
      args: ["--enable-plugin", "dashboard,keys"],
      env: { WRAPPER_KEYS: ids.map((id) => `${id}:${id === "admin" ? KEYS.admin : `sk-${id}`}`).join(",") },
    });
    visited = await visit(browser, gateway);
    await visited.go("overview");
    await logInAt(visited);
    await visited.page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  it("find every key", async () => {
    const { page } = visited;
    await page.keyboard.press("Control+k");
    await page.keyboard.type("requests team-129");
    await page.getByRole("option", { name: "Requests of team-129" }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Requests" }).waitFor();
    const options = page.getByLabel("Key").locator("option");
    await eventually("all keys", async () => (await options.count()) === ids.length + 1);
    expect(await page.getByLabel("Key").inputValue()).to.equal("team-129");
  });

  it("are all on the page of keys", async () => {
    await visited.go("keys");
    await visited.page.getByRole("row", { name: /^team-129 / }).waitFor();
  });

  for (const list of ["requests", "sessions", "logs"]) {
    it(`show a key that is not there, in the filter of ${list}`, async () => {
      await visited.go(`${list}?key_id=never-there`);
      await visited.page.getByRole("heading", { level: 1, name: new RegExp(list, "i") }).waitFor();
      expect(await visited.page.getByLabel("Key").inputValue()).to.equal("never-there");
    });
  }
});
