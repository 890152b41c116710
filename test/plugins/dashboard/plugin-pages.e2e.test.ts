import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "../../e2e/chromium.js";
import { logInAt, seriousFaults, type Visit, visit } from "../../e2e/dashboard-kit.js";
import { KEYS, TestGateway } from "../../e2e/gateway.js";

const FIXTURES = fileURLToPath(new URL("../../fixtures/plugins", import.meta.url));
const ODD = "../keys?x=#1";

describe("the dashboard's pages of plugins", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start();
    await gateway.stop();
    symlinkSync(FIXTURES, join(gateway.dir, "plugins"));
    await gateway.launch({
      args: ["--enable-plugin", "dashboard,keys,limits,./plugins/parcels"],
      config: '[[plugins.limits.budgets]]\nname = "daily"\nusd = 5\nwindow = "day"',
    });
    visited = await visit(browser, gateway);
    page = visited.page;
    await visited.go("overview");
    await logInAt(visited);
    await page.getByText("Share by model").waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(async () => {
    expect(visited.trouble).to.deep.equal([]);
    expect(await page.title()).not.to.contain("taken");
  });

  const part = (name: string) => page.getByRole("region", { name, exact: true });
  const dialog = () => page.getByRole("dialog");

  it("show figures, tables and charts, with markup as text", async () => {
    await page.getByRole("link", { name: "Parcels" }).click();
    await page.getByRole("heading", { level: 1, name: "Parcels" }).waitFor();
    await part("So far").getByText("$12.50").waitFor();
    expect(await part("So far").innerText()).to.match(
      /Parcels\s2\s+Postage\s\$12\.5000\s+Late\s25 %\s+Lost\snone/,
    );
    const rows = part("All parcels").locator("tbody tr");
    expect(await rows.first().innerText()).to.match(/^<img src=x onerror.*<\/script>\sRome\sno/);
    expect(await rows.last().getByRole("link").getAttribute("href")).to.equal(
      `#/sessions?key_id=${encodeURIComponent(ODD)}`,
    );
    await part("Parcels by town").getByText("As a table").click();
    expect(await part("Parcels by town").locator("tbody").innerText()).to.match(/Oslo\s1\s+Rome\s1/);
    expect(await page.locator("main img, main script").count()).to.equal(0);
    expect(await page.title()).to.equal("Parcels · Claudeway");
  });

  it("have no serious faults for axe, light and dark, also with a dialog open", async () => {
    for (const name of ["parcels", "keys", "limits"]) {
      await visited.go(name);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.locator("tbody tr").first().waitFor();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        expect(await seriousFaults(page), `${name}, ${colorScheme}`).to.deep.equal([]);
      }
    }
    await visited.go("parcels");
    await page.getByRole("button", { name: `Drop ${ODD}` }).click();
    expect(await seriousFaults(page)).to.deep.equal([]);
    await page.keyboard.press("Escape");
  });

  it("act on the row alone, whatever its name is, after a question, by keyboard", async () => {
    await visited.go("parcels");
    const drop = page.getByRole("button", { name: `Drop ${ODD}` });
    await drop.focus();
    await page.keyboard.press("Enter");
    await dialog().getByText("It breaks.").waitFor();
    await page.keyboard.press("Escape");
    await dialog().waitFor({ state: "hidden" });
    expect(await page.evaluate("document.activeElement.textContent")).to.equal("Drop");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await drop.waitFor({ state: "detached" });
    await part("So far").getByText(/^1$/).waitFor();
  });

  it("show what an action answers once, and forget it", async () => {
    await visited.go("parcels");
    await page.getByRole("button", { name: /^Open <img/ }).click();
    await dialog().getByRole("button", { name: "Open" }).click();
    await dialog().getByText("Code, shown only now").waitFor();
    expect(await dialog().locator("code").innerText()).to.contain("<img src=x");
    await dialog().getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: /^Open <img/ }).click();
    expect(await dialog().getByText("shown only now").count()).to.equal(0);
    await page.keyboard.press("Escape");
  });

  it("send forms as JSON, and show what the route refuses", async () => {
    await visited.go("parcels");
    const form = part("Send a parcel");
    await form.getByLabel("Name of the parcel").fill("bomb");
    await form.getByRole("button", { name: "Send" }).click();
    await form.getByRole("alert").getByText("<img src=x").waitFor();
    await form.getByLabel("Name of the parcel").fill("book");
    await form.getByLabel("Town").selectOption("Rome");
    await form.getByLabel("Weight").fill("250");
    await form.getByLabel("Stamps, one a line").fill("one\n\n two ");
    await form.getByLabel("Due (UTC)").fill("2031-05-01T12:00");
    await form.getByLabel("Fragile").check();
    await form.getByRole("button", { name: "Send" }).click();
    await form.getByText("It is under way.").waitFor();
    expect(await form.locator("code").innerText()).to.equal("c-123");
    await page.getByRole("cell", { name: "book", exact: true }).waitFor();
    await gateway.logs(
      '"sent":{"name":"book","town":"Rome","grams":250,"stamps":["one","two"],"due":"2031-05-01T12:00:00Z","fragile":true}',
    );
    expect(await form.getByLabel("Name of the parcel").inputValue()).to.equal("");
  });

  it("make, rotate, disable and delete keys", async () => {
    await visited.go("keys");
    const form = part("New key");
    await form.getByLabel("Name").fill("ci");
    await form.getByLabel("Models, one a line").fill("haiku");
    await form.getByRole("button", { name: "Make a key" }).click();
    const secret = await form.locator("code").innerText();
    expect((await gateway.request("/me", { key: secret })).body).to.deep.include({ models: ["haiku"] });
    const id = String((await gateway.request("/me", { key: secret })).body["key_id"]);
    await page.getByRole("button", { name: `Rotate ${id}` }).click();
    await dialog().getByLabel("Grace in seconds").fill("0");
    await dialog().getByRole("button", { name: "Rotate" }).click();
    const rotated = await dialog().locator("code").innerText();
    await dialog().getByRole("button", { name: "Close" }).click();
    expect((await gateway.request("/me", { key: secret })).status).to.equal(401);
    expect((await gateway.request("/me", { key: rotated })).status).to.equal(200);
    await page.getByRole("button", { name: `Disable ${id}` }).click();
    await dialog().getByRole("button", { name: "Disable" }).click();
    await page.getByRole("button", { name: `Enable ${id}` }).waitFor();
    expect((await gateway.request("/me", { key: rotated })).status).to.equal(401);
    await page.getByRole("button", { name: `Delete ${id}` }).click();
    await dialog().getByRole("button", { name: "Delete" }).click();
    await page.getByRole("button", { name: `Delete ${id}` }).waitFor({ state: "detached" });
    expect(await page.getByRole("button", { name: /^Delete/ }).count()).to.equal(0);
  });

  it("keep an open dialog, and its secret, with the row that it was opened for", async () => {
    const admin = (path: string, method: string, body?: object) =>
      gateway.request(`/admin/keys${path}`, { method, key: KEYS.admin, ...(body && { body }) });
    const make = async (name: string) => String((await admin("", "POST", { name })).body["key_id"]);
    const row = (id: string) => page.getByRole("cell", { name: id, exact: true });
    // The page hears of a turn that ends, and loads its table again.
    const reload = () => gateway.request("/task", { body: { prompt: "[[say done]]" } });
    await visited.go("keys");
    const first = await make("first");
    await reload();
    await page.getByRole("button", { name: `Delete ${first}` }).click();
    const second = await make("second");
    await reload();
    await row(second).waitFor();
    expect(await dialog().getByRole("heading").innerText()).to.equal(`Delete ${first}`);
    await dialog().getByRole("button", { name: "Delete" }).click();
    await row(first).waitFor({ state: "detached" });
    expect(await row(second).count()).to.equal(1);

    await page.getByRole("button", { name: `Rotate ${second}` }).click();
    await dialog().getByRole("button", { name: "Rotate" }).click();
    const secret = await dialog().locator("code").innerText();
    const third = await make("third");
    await reload();
    await row(third).waitFor();
    expect(await dialog().getByRole("heading").innerText()).to.equal(`Rotate ${second}`);
    await admin(`/${second}`, "DELETE");
    await reload();
    await row(second).waitFor({ state: "detached" });
    expect(await dialog().getByRole("heading").innerText()).to.equal(`Rotate ${second}`);
    expect(await dialog().locator("code").innerText()).to.equal(secret);
    await dialog().getByRole("button", { name: "Close" }).click();
    await admin(`/${third}`, "DELETE");
  });

  it("show what is left of budgets", async () => {
    await visited.go("limits");
    const row = part("Limits of keys").locator("tbody tr", { hasText: "bob" });
    await row.waitFor();
    expect(await row.innerText()).to.match(
      /bob\sbudget:daily\skey:bob\sday\susd\s\$5\.0000\s\$0\s\$0\s\$5\.0000\s2/,
    );
  });

  it("break no short word of a table on a phone", async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await visited.go("keys");
    // On a phone, the rows of a table are lists.
    await page.locator('tbody td[data-title="Key"]', { hasText: /^admin$/ }).waitFor();
    const lines = `[...document.querySelectorAll("tbody td:not(:last-child)")].filter((cell) => {
      const range = document.createRange();
      range.selectNodeContents(cell);
      const tops = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
      return tops.size > cell.textContent.trim().split(/\\s+/).length;
    }).map((cell) => cell.textContent)`;
    expect(await page.evaluate(lines)).to.deep.equal([]);
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).to.be.at.most(0);
    await page.setViewportSize({ width: 1280, height: 860 });
  });

  it("come and go with their plugin, and a page without it says so", async () => {
    await visited.go("parcels");
    await part("So far").waitFor();
    await gateway.request("/admin/plugins/parcels/disable", { method: "POST", key: KEYS.admin });
    await page.getByRole("heading", { name: "Not found" }).waitFor();
    expect(await page.getByRole("link", { name: "Parcels" }).count()).to.equal(0);
    await gateway.request("/admin/plugins/keys/disable", { method: "POST", key: KEYS.admin });
    await visited.go("keys");
    await part("New key").waitFor({ state: "detached" });
    await page.getByRole("cell", { name: "bob", exact: true }).waitFor();
  });

  it("do not bypass the admin's key", async () => {
    for (const path of ["/admin/pages", "/admin/parcels/all", "/admin/limits"]) {
      expect((await gateway.request(path, { key: KEYS.bob })).status, path).to.be.oneOf([403, 404]);
    }
    expect((await gateway.request("/admin/limits", { key: "" })).status).to.equal(401);
  });
});
