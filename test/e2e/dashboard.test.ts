import { readFileSync } from "node:fs";
import { expect } from "chai";
import type { Browser, Locator } from "playwright-core";
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
import { eventually } from "./poll.js";

/** On each of three days two models, for two keys: one turn of haiku's at 10 cents, two of opus' at a dollar. */
const SHAPE = {
  days: 3,
  models: ["claude-haiku-4-5", "claude-opus-4-5"],
  keys: ["admin", "bob"],
  sessions: 15,
  turns: (_day: number, model: number) => 1 + model,
  costUsd: (_day: number, model: number, key: number) => (model === 0 ? 0.1 : 1) * (1 + key),
};

describe("the dashboard in a browser", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  before(async () => {
    browser = await launchChromium();
    gateway = await startFilled(SHAPE);
    visited = await visit(browser, gateway);
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  const textOf = async (locator: Locator) => (await locator.innerText()).replace(/\s+/g, " ");
  const figure = (name: string) =>
    textOf(visited.page.locator("dl div", { has: visited.page.getByText(name, { exact: true }) }).first());
  const heading = (name: string) => visited.page.getByRole("heading", { level: 1, name });

  it("asks for the key, rejects a wrong one, and lets the admin in", async () => {
    const { page, go } = visited;
    await go("costs");
    await logInAt(visited, "sk-wrong");
    await page.getByRole("alert").getByText("this is not the admin key").waitFor();
    await logInAt(visited, KEYS.bob);
    await page.getByRole("alert").getByText("this is not the admin key").waitFor();
    await logInAt(visited);
    await heading("Costs").waitFor();
    expect(await page.title()).to.equal("Costs · Claudeway");
  });

  it("reports an expired login, and returns to the same page after the next one", async () => {
    const { page, go } = visited;
    await go("sessions?model=haiku");
    await heading("Sessions").waitFor();
    await page.context().clearCookies();
    await go("sessions?model=sonnet");
    await page.getByText("Your login has expired. Log in again to continue where you left off.").waitFor();
    await logInAt(visited);
    await heading("Sessions").waitFor();
    await eventually("the filter", async () => (await page.getByLabel("Model").inputValue()) === "sonnet");
  });

  it("shows the figures of the ledger", async () => {
    const { page, go } = visited;
    await go("overview");
    await page.getByText("Share by model").waitFor();
    // 3 days × (0.1 + 2 × 1) × (1 + 2)
    expect(await figure("Spent")).to.include("$18.9000");
    expect(await figure("Requests")).to.include("18");
    expect(await figure("Sessions")).to.include("30");
    const today = new Date().toISOString().slice(0, 10);
    await go("costs");
    await page.getByText("As a table").click();
    const row = page.getByRole("group", { name: /as a table/ }).getByRole("row", { name: today });
    expect(await textOf(row)).to.equal(`${today} $6.0000 $0.3000`);
    expect(await textOf(page.getByRole("list", { name: "Cost by key" }))).to.equal(
      "bob $12.60009 requests admin $6.30009 requests",
    );
    await page.getByRole("button", { name: "monthly" }).click();
    await page
      .getByRole("group", { name: "Periods" })
      .getByText(today.slice(0, 7), { exact: true })
      .waitFor();
    await go("keys");
    expect(await textOf(page.getByRole("row", { name: /^bob/ }))).to.match(
      /^bob configured 9 \$12\.6000 .* ago sessions log$/,
    );
  });

  it("draws bars in the colours of their models", async () => {
    const { page, go } = visited;
    await go("costs");
    const canvas = page.locator("canvas");
    await canvas.waitFor();
    const seen = await page.evaluate<number>(`(() => {
      const canvas = document.querySelector("canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const colours = new Map();
      for (let i = 0; i < data.length; i += 4) {
        const colour = data.slice(i, i + 4).join();
        if (data[i + 3] === 255) colours.set(colour, (colours.get(colour) ?? 0) + 1);
      }
      return [...colours.values()].filter((pixels) => pixels > 300).length;
    })()`);
    expect(seen).to.be.within(2, 4);
  });

  it("pages and filters sessions, and finds one by its id", async () => {
    const { page, go } = visited;
    await go("sessions");
    await page.getByText("30 sessions").waitFor();
    const first = await textOf(page.locator("tbody tr a").first());
    await page.getByRole("button", { name: "Older" }).click();
    await page.getByText("2 of 2").waitFor();
    expect(await page.locator("tbody tr").count()).to.equal(5);
    await page.goBack();
    await page.getByText("1 of 2").waitFor();
    await page.getByLabel("Key").selectOption("bob");
    await page.getByText("15 sessions").waitFor();
    await page.getByLabel("Key").selectOption("");
    await page.getByLabel("Id begins with").fill(first);
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("1 session", { exact: true }).waitFor();
  });

  it("streams a running turn, and interrupts it", async () => {
    const { page, go } = visited;
    const { id } = await startSession(gateway);
    await go(`sessions/${id}`);
    await page.getByText("No turns yet.").waitFor();
    const answer = gateway.request(`/session/${id}`, {
      body: { prompt: "[[slow 100]] [[words 300]]" },
      key: KEYS.bob,
    });
    const text = page.locator("article .body pre");
    await text.waitFor();
    const lengths = new Set<number>();
    await eventually("it grows", async () => {
      lengths.add((await text.innerText()).length);
      return lengths.size > 5;
    });
    await page.getByRole("button", { name: "Interrupt" }).click();
    await page.getByText("The turn was interrupted.").waitFor();
    expect((await answer).body).to.include({ success: false });
    await page.locator("article").getByText("interrupted").first().waitFor();
  });

  it("shows a hostile prompt and its answer as text: markup, bidirectional marks, a megabyte", async () => {
    const { page, go } = visited;
    const { id } = await startSession(gateway);
    const hostile =
      '[[echo]] <img src=x onerror="window.hacked=1"><script>window.hacked=2</script> \u202etxt.exe\u202c a\u200bb';
    await gateway.request(`/session/${id}`, { body: { prompt: hostile, verbatim: true }, key: KEYS.bob });
    await go(`sessions/${id}`);
    const shown = page.locator("article .body .markdown");
    const prompt = page.locator("article .prompt");
    await shown.waitFor();
    for (const text of [shown, prompt]) {
      expect(await text.innerText())
        .to.include('<img src=x onerror="window.hacked=1"><script>')
        .and.include("U+202Etxt");
      expect(await text.locator(".hidden-sign").allInnerTexts()).to.deep.equal([
        "U+202E",
        "U+202C",
        "U+200B",
      ]);
    }
    expect(await page.locator("article img, article script").count()).to.equal(0);
    expect(await page.evaluate("window.hacked")).to.equal(undefined);

    const long = `[[echo]] ${"<b>long</b> ".repeat(87_382)}end`;
    await gateway.request(`/session/${id}`, { body: { prompt: long, verbatim: true }, key: KEYS.bob });
    // The card of the running turn is replaced by the card of its answer.
    const card = page.locator("article", { hasText: "completed" }).nth(1);
    await card.waitFor();
    const all = page.getByRole("button", { name: /Show all \(1\.0 MB\)/ });
    await all.last().click();
    const whole = card.locator(".body pre");
    await eventually("all of it", async () => (await whole.innerText()).endsWith("end"));
    expect((await whole.innerText()).length).to.be.greaterThan(1_000_000);
    await all.click();
    await prompt.last().getByText("The rest is not stored.").waitFor();
    expect((await prompt.last().locator("pre").innerText()).length).to.equal(200_000);
  });

  it("shows a pending call as a diff, applies the decision, and lists it in the history", async () => {
    const { page, go } = visited;
    await go("approvals");
    await page.getByText("No calls are waiting for a decision.").waitFor();
    const { answer, file, after } = await askToEdit(gateway, await startSession(gateway));
    const card = page.getByRole("article", { name: "Edit, asked by bob" });
    await card.waitFor();
    await eventually("the title", async () => (await page.title()).startsWith("(1) "));
    await go("overview");
    await page.getByRole("row", { name: /waiting bob/ }).waitFor();
    await go("requests");
    await page.getByRole("row", { name: /waiting bob/ }).waitFor();
    await go("approvals");
    await card.waitFor();
    expect(await card.locator(".line.gone").count()).to.equal(4);
    expect(await card.locator(".line.new").count()).to.equal(5);
    expect(await textOf(card.locator(".line.new").first())).to.include("retry(run, attempts = 5)");
    await card.getByRole("button", { name: "Allow", exact: true }).click();
    await page.getByText("Edit: allowed.").waitFor();
    expect((await answer).body).to.include({ success: true });
    expect(readFileSync(file, "utf8")).to.equal(after);
    const decided = /^Edit .*retry\.ts allowed ran admin from 127\.0\.0\.1 bob/;
    await eventually("the history", async () => decided.test(await textOf(page.locator("tbody tr").first())));
  });

  it("passes the reason of a denial to the model", async () => {
    const { page } = visited;
    const { answer } = await askToEdit(gateway, await startSession(gateway));
    const card = page.getByRole("article", { name: "Edit, asked by bob" });
    await card.getByLabel("Reason for a denial").fill("not in March");
    await card.getByRole("button", { name: "Deny" }).click();
    await page.getByText("Edit: denied.").waitFor();
    expect(String((await answer).body["result"])).to.include("not in March");
    await page.getByText("not in March").waitFor();
  });

  it("disables and enables a plugin, with its routes", async () => {
    const { page, go } = visited;
    await go("plugins");
    const card = page.getByRole("article", { name: "Plugin hello" });
    expect((await gateway.request("/hello")).body).to.deep.equal({ greeting: "good day" });
    await card.getByText("Configuration").click();
    expect(await textOf(card))
      .to.include('greeting "good day" api_token "***"')
      .and.not.include("not-to-be-shown");
    await card.getByRole("button", { name: "Disable" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    expect((await gateway.request("/hello")).status).to.equal(200);
    await card.getByRole("button", { name: "Disable" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
    await page.getByText("hello is disabled until the gateway restarts.").waitFor();
    expect((await gateway.request("/hello")).status).to.equal(404);
    await card.getByText("--disable-plugin hello").waitFor();
    await card.getByRole("button", { name: "Enable" }).click();
    await page.getByText("hello is enabled until the gateway restarts.").waitFor();
    expect((await gateway.request("/hello")).status).to.equal(200);
    const off = page.getByRole("article", { name: "Plugin demo" });
    await off.getByText("A scripted model on loopback").waitFor();
    await off.getByText("how to keep it disabled").click();
    expect(await textOf(off)).to.include("[plugins.demo] enabled = false");
    await page.getByRole("button", { name: "Reload configuration" }).click();
    await page.getByText("No changes.").waitFor();
  });

  it("shows log lines live, pauses, and searches them", async () => {
    const { page, go } = visited;
    await go("logs");
    const line = (text: string) => page.locator("li", { hasText: text }).first();
    await gateway.request("/one-that-is-not-there", { key: KEYS.bob });
    await line("/one-that-is-not-there").waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await gateway.request("/while-it-rests", { key: KEYS.bob });
    await page.waitForTimeout(2500);
    expect(await line("/while-it-rests").count()).to.equal(0);
    await page.getByRole("button", { name: "Resume" }).click();
    await line("/while-it-rests").waitFor();
    await page.getByLabel("Contains").fill("THAT-IS-NOT");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText("1 line", { exact: true }).waitFor();
    await page.getByLabel("Level").selectOption("ERROR");
    await page.getByText("No matching lines this month.").waitFor();
  });

  it("shows log lines of one kind, which the URL keeps", async () => {
    const { page, go } = visited;
    await gateway.request("/task", { body: { prompt: "[[say Done.]]" } });
    await go("logs");
    const lines = page.locator("ol.lines li");
    await lines.filter({ hasText: "task completed" }).first().waitFor();
    await lines.filter({ hasText: "POST /task" }).first().waitFor();
    for (const [kind, shown, hidden] of [
      ["turn", "task completed", "POST /task"],
      ["request", "POST /task", "task completed"],
    ] as const) {
      await page.getByLabel("Kind").selectOption(kind);
      await eventually(kind, async () => (await lines.filter({ hasText: hidden }).count()) === 0);
      await page.reload();
      await lines.filter({ hasText: shown }).first().waitFor();
      expect(await lines.filter({ hasText: hidden }).count(), kind).to.equal(0);
    }
    await page.getByRole("link", { name: "Clear" }).click();
    await lines.filter({ hasText: "task completed" }).first().waitFor();
  });

  it("deletes a session after confirmation", async () => {
    const { page, go } = visited;
    const { id } = await startSession(gateway);
    await go(`sessions/${id}`);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await heading("Sessions").waitFor();
    expect((await gateway.request(`/session/${id}`, { key: KEYS.bob })).status).to.equal(404);
  });

  it("works by keyboard alone", async () => {
    const { page, go } = visited;
    await go("overview");
    await heading("Overview").waitFor();
    await page.reload();
    await heading("Overview").waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).to.equal("Skip to main content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).to.equal("main");
    await page.getByRole("link", { name: "Keys" }).focus();
    await page.keyboard.press("Enter");
    await heading("Keys").waitFor();
    expect(await page.evaluate("document.activeElement.id")).to.equal("main");
  });

  it("keeps the page and the login while a proxy has no gateway, and continues when it is back", async () => {
    const other = await visit(browser, gateway);
    const { page } = other;
    // The test cannot intercept a shared worker's requests.
    await page.addInitScript("delete globalThis.SharedWorker");
    const badGateway = () => page.route("**/admin/**", (route) => route.fulfill({ status: 502, body: "" }));
    await badGateway();
    await other.go("overview");
    await page.getByText("the gateway responded with 502").waitFor();
    await page.unroute("**/admin/**");
    await page.getByRole("button", { name: "Try again" }).click();
    await logInAt(other);
    await page.getByText("Share by model").waitFor();
    await badGateway();
    const { id } = await startSession(gateway);
    await page.evaluate(`location.hash = "#/sessions/${id}"`);
    await page.getByText("Connection to the gateway lost").waitFor();
    await page.getByText("the gateway responded with 502").first().waitFor();
    await page.unroute("**/admin/**");
    await page.getByRole("heading", { name: id }).waitFor();
    await page.getByText("Connection to the gateway lost").waitFor({ state: "detached" });
    await other.close();
  });

  const LOOKS = [
    { name: "light", colorScheme: "light", viewport: { width: 1280, height: 860 } },
    { name: "dark, on a phone", colorScheme: "dark", viewport: { width: 360, height: 740 } },
  ] as const;
  for (const { name, ...options } of LOOKS) {
    it(`has no serious axe findings and fits the screen: ${name}`, async () => {
      const session = await startSession(gateway);
      const { answer } = await askToEdit(gateway, session);
      const other = await visit(browser, gateway, options);
      await other.go("overview");
      await other.page.getByLabel("Admin key").waitFor();
      expect(await seriousFaults(other.page), "login").to.deep.equal([]);
      await logInAt(other);
      for (const path of [...PAGES, `sessions/${session.id}`]) {
        await other.go(path);
        await other.page.locator(".panel").first().waitFor();
        await other.page.waitForTimeout(300);
        expect(await seriousFaults(other.page), path).to.deep.equal([]);
        const over = await other.page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
        expect(over, `${path} is wider than the screen by`).to.be.at.most(0);
      }
      expect(other.trouble).to.deep.equal([]);
      await other.close();
      await visited.go("approvals");
      await visited.page.getByRole("button", { name: "Allow", exact: true }).click();
      await answer;
    });
  }
});
