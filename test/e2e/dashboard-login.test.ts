import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, startSession, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, TestGateway } from "./gateway.js";

const PLUGINS = { args: ["--enable-plugin", "dashboard,keys"] };

describe("the dashboard, when a login ends", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start(PLUGINS);
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  beforeEach(async () => {
    visited = await visit(browser, gateway);
    page = visited.page;
    await visited.go("overview");
    await logInAt(visited);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
  });
  afterEach(() => visited.close());

  const box = (at = page) => at.locator("#prompt");
  /** Begins a prompt on the page of a new session. */
  async function write(text: string, at = page): Promise<void> {
    const { id } = await startSession(gateway);
    await at.goto(`${gateway.url}/dashboard/#/sessions/${id}`);
    await box(at).fill(text);
  }
  /** The page asks with its cookie when a turn ends. */
  async function expire(): Promise<void> {
    await page.context().clearCookies();
    await gateway.request("/task", { body: { prompt: "[[say done]]" } });
    await page.getByText("Your login has expired.").waitFor();
  }

  it("keeps what was being written, hidden until the same key logs in", async () => {
    await write("half a tho");
    await expire();
    expect(await box().isVisible()).to.equal(false);
    expect(await page.title()).to.equal("Log in · Claudeway");
    for (const key of ["Control+k", "Escape", "Escape", "?"]) await page.keyboard.press(key);
    await page.getByRole("dialog", { name: "Log in" }).waitFor();
    expect(await page.getByRole("dialog").count()).to.equal(1);
    await logInAt(visited);
    await box().waitFor();
    expect(await box().inputValue()).to.equal("half a tho");
    expect(await page.title()).to.equal("Session · Claudeway");
    await page.getByRole("status").getByText("Live", { exact: true }).waitFor({ state: "attached" });
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    expect(visited.trouble).to.deep.equal([]);
  });

  it("keeps an open dialog with a secret that is shown once, and the login above it", async () => {
    const { body } = await gateway.request("/admin/keys", { body: { name: "ci" } });
    await visited.go("keys");
    await page.getByRole("button", { name: `Rotate ${body["key_id"]}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
    const secret = await page.getByRole("dialog").locator("code").innerText();
    await expire();
    expect(await page.getByText(secret).isVisible()).to.equal(false);
    await logInAt(visited);
    await page.getByRole("dialog").getByText(secret).waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    expect(visited.trouble).to.deep.equal([]);
  });

  it("keeps nothing after a logout, in no tab", async () => {
    await write("of the first tab");
    const other = await page.context().newPage();
    await write("of the other tab", other);
    await page.getByRole("button", { name: "Log out" }).click();
    for (const at of [page, other]) {
      await at.getByLabel("Admin key").waitFor();
      expect(await box(at).count()).to.equal(0);
    }
    await logInAt(visited);
    await box().waitFor();
    expect(await box().inputValue()).to.equal("");
  });

  it("shows nothing of it to another key, whose id may be the same", async () => {
    await write("not for others");
    const { port } = new URL(gateway.url);
    const secret = "sk-another-0123456789abcdef";
    await gateway.stop();
    await gateway.launch({ ...PLUGINS, port, env: { WRAPPER_KEYS: `admin:${secret},bob:${KEYS.bob}` } });
    await page.getByLabel("Admin key").waitFor();
    await logInAt(visited, secret);
    await page.getByRole("button", { name: "Log out" }).waitFor();
    await box().waitFor();
    expect(await box().inputValue()).to.equal("");
  });
});
