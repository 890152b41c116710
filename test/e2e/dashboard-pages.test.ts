import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, seriousFaults, startFilled, startSession, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";

const SHAPE = {
  days: 1,
  models: ["claude-haiku-4-5"],
  keys: ["bob"],
  sessions: 1,
  turns: () => 1,
  costUsd: () => 0.1,
};

const call = (tool: string, input: object) => `[[${JSON.stringify({ tool, input })}]]`;

describe("the dashboard's pages", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  before(async () => {
    browser = await launchChromium();
    gateway = await startFilled(SHAPE, 1);
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
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  const prompt = (id: string, text: string) =>
    gateway.request(`/session/${id}`, { body: { prompt: text, timeout_secs: 60 }, key: KEYS.bob });

  it("keep the version below the navigation when they scroll", async () => {
    await visited.go("plugins");
    await page.getByRole("article", { name: "Plugin telegram" }).waitFor();
    await page.evaluate("scrollTo(0, document.body.scrollHeight)");
    const last = await page.getByRole("link", { name: "Plugins" }).boundingBox();
    const version = await page.getByText(/^Version/).boundingBox();
    expect(await page.evaluate("scrollY")).to.be.greaterThan(100);
    expect(version?.y ?? 0).to.be.at.least((last?.y ?? 0) + (last?.height ?? 0));
  });

  it("say once that a session does not exist", async () => {
    for (const id of ["nonsense", "00000000-0000-4000-8000-000000000000"]) {
      await visited.go(`sessions/${id}`);
      await page.getByRole("alert").first().waitFor();
      await page.waitForTimeout(300);
      expect(await page.getByRole("alert").count(), id).to.equal(1);
    }
  });

  it("list the model of no turn that failed before a model answered", async () => {
    const { id } = await startSession(gateway);
    await prompt(id, "[[fail 400 nothing doing]]");
    await visited.go("overview");
    const shares = page.getByRole("list", { name: "Cost by model" });
    await shares.getByText("no answer from a model").waitFor();
    expect(await shares.innerText()).not.to.match(/^sonnet$/m);
  });

  it("show as many days as are asked for, also those without turns", async () => {
    await visited.go("overview?range=7d");
    const chart = page.locator("section", { hasText: "Requests by day" });
    await chart.getByText("As a table").click();
    const rows = chart.getByRole("group", { name: /as a table/ }).locator("tbody tr");
    // The page may still show what it showed before.
    await eventually("7 days", async () => (await rows.count()) === 7);
    const today = new Date().toISOString().slice(0, 10);
    expect(await rows.last().innerText()).to.match(new RegExp(`^${today}`));
    expect(await rows.first().innerText()).to.match(/\s0$/);
    await page.getByRole("button", { name: "90 days" }).click();
    await eventually("90 days", async () => (await rows.count()) === 90);
    expect(page.url()).to.include("range=90d");
  });

  it("show the latency, errors, processes and budgets of a day, by the hour", async () => {
    const { id } = await startSession(gateway);
    await prompt(id, "[[say one]]");
    await prompt(id, "[[say two]]");
    await prompt(id, "[[fail 400 nothing doing]]");
    await visited.go("keys");
    await page.getByRole("heading", { level: 1, name: "Keys" }).waitFor();
    await visited.go("overview?range=24h");
    const section = (name: string) => page.locator("section", { has: page.getByRole("heading", { name }) });
    const hours = section("Requests by hour, UTC");
    await hours.getByText("As a table").click();
    const rows = hours.getByRole("group", { name: /as a table/ }).locator("tbody tr");
    await eventually("24 hours", async () => (await rows.count()) === 24);
    const times = section("Latency").locator("tbody tr");
    await eventually("all are counted", async () => /\b[3-9]\d*$/.test(await times.last().innerText()));
    for (const [no, name] of ["In the queue", "To the first token", "Whole turn"].entries())
      expect(await times.nth(no).innerText()).to.match(
        new RegExp(`^${name}\\s+\\d.* m?s\\s+\\d.* m?s\\s+\\d.* m?s\\s+\\d+$`),
      );
    const processes = page.getByRole("list", { name: "Requests by kind of process" });
    await processes.getByText("live, the session's own").waitFor();
    await processes.getByText("cold, started for the turn").waitFor();
    const errors = page.locator("dl div", { hasText: "Errors" });
    await eventually("the failure", async () => /[1-9]\d* failed/.test(await errors.innerText()));
    const { body } = await gateway.request<{ budgets: unknown[] }>("/admin/budgets");
    expect(body.budgets.length).to.be.at.least(2);
    const budget = page.getByRole("meter", { name: "daily · bob used" });
    await budget.waitFor();
    await section("Budgets")
      .getByText(/\$0\.\d{4} of \$5\.0000/)
      .first()
      .waitFor();
    expect(await seriousFaults(page)).to.deep.equal([]);
  });

  it("show a budget that begins anew, without anything else that happens", async () => {
    let asked = 0;
    let ends = 0;
    await page.route("**/admin/budgets", (route) => {
      if (asked++ === 0) ends = Date.now() + 4000;
      const over = Date.now() >= ends;
      const budget = {
        limit: "budget:hourly",
        subject: "key:bob",
        window: "hour",
        allowed: 5,
        used: over ? 0 : 5,
        reserved: 0,
        resets_at: new Date(over ? ends + 7_200_000 : ends).toISOString(),
      };
      return route.fulfill({ json: { budgets: [budget] } });
    });
    await visited.go("plugins");
    await page.getByRole("article", { name: "Plugin telegram" }).waitFor();
    await visited.go("overview");
    const budgets = page.locator("section", { has: page.getByRole("heading", { name: "Budgets" }) });
    await budgets.getByText("100.0 % used this hour, resets in less than a minute").waitFor();
    await budgets.getByText(/^0\.0 % used this hour, resets in 1 h 59 min/).waitFor({ timeout: 10_000 });
    expect(asked).to.be.below(5);
    await page.unroute("**/admin/budgets");
  });

  it("list every turn and task, with filters that the URL keeps", async () => {
    const { id } = await startSession(gateway);
    const metadata = { ticket: "A-17" };
    await gateway.request(`/session/${id}`, {
      body: { prompt: "[[say a lonely needle]]", metadata },
      key: KEYS.bob,
    });
    await gateway.request("/task", { body: { prompt: "[[say from a task]]" } });
    await visited.go("requests");
    const rows = page.locator("tbody tr");
    const row = rows.filter({ hasText: "a lonely needle" });
    await row.waitFor();
    await rows.filter({ hasText: "from a task" }).getByText("task", { exact: true }).waitFor();
    const all = await rows.count();
    expect(all).to.be.greaterThan(2);

    await row.getByRole("button", { name: "ticket=A-17" }).click();
    await eventually("one row", async () => (await rows.count()) === 1);
    expect(page.url()).to.include("metadata=ticket%3DA-17");
    await page.reload();
    await row.waitFor();
    expect(await rows.count()).to.equal(1);
    await page.getByRole("link", { name: "Clear" }).click();
    await eventually("all rows", async () => (await rows.count()) === all);

    await page.getByLabel("Kind").selectOption("task");
    await eventually("the task", async () => (await rows.count()) === 1);
    await page.getByLabel("State").selectOption("interrupted");
    await page.getByText("No requests match.").waitFor();
    await page.goBack();
    await eventually("the task again", async () => (await rows.count()) === 1);
    await visited.go("requests?text=LONELY");
    await row.waitFor();
    expect(await rows.count()).to.equal(1);
    await page.getByLabel("Cost from, $").fill("1000");
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByText("No requests match.").waitFor();
    await visited.go("requests?since=2020-01-01T00:00&until=2020-01-02T00:00");
    await page.getByText("No requests match.").waitFor();
    await visited.go("requests?text=lonely");
    await row.getByRole("link").click();
    await page.getByRole("heading", { name: id }).waitFor();
  });

  it("refuse filters that no turn can match", async () => {
    for (const query of [
      "state=done",
      "kind=x",
      "min_cost_usd=-1",
      "min_duration_ms=1e9",
      "since=yesterday",
      "metadata=x",
      "before=0",
      "limit=201",
      `text=${"x".repeat(201)}`,
    ]) {
      const { status } = await gateway.request(`/admin/requests?${query}`);
      expect(status, query).to.equal(400);
    }
    expect((await gateway.request("/admin/requests", { key: KEYS.bob })).status).to.equal(403);
  });

  it("name the question without an answer, in words", async () => {
    const { id } = await startSession(gateway);
    const questions = [
      {
        question: "Which colour?",
        header: "Colour",
        multiSelect: false,
        options: [
          { label: "Red", description: "warm" },
          { label: "Blue", description: "cold" },
        ],
      },
    ];
    const asked = prompt(id, call("AskUserQuestion", { questions }));
    await visited.go("approvals");
    const card = page.getByRole("article", { name: /AskUserQuestion/ });
    await card.getByRole("button", { name: "Answer" }).click();
    expect(await card.getByRole("alert").innerText()).to.equal("Choose an answer to: Which colour?");
    await card.getByLabel("Blue").check();
    await card.getByRole("button", { name: "Answer" }).click();
    await page.getByText("AskUserQuestion: allowed.").waitFor();
    await asked;
  });

  it("send all ticked answers of a question, also those with commas in them", async () => {
    const { id } = await startSession(gateway);
    const options = ["Lint, format", "Lint", "Tests"].map((label) => ({ label, description: `${label}?` }));
    const questions = [{ question: "What runs?", header: "Steps", multiSelect: true, options }];
    const asked = prompt(id, call("AskUserQuestion", { questions }));
    await visited.go("approvals");
    const card = page.getByRole("article", { name: /AskUserQuestion/ });
    const box = (label: string) =>
      card.locator("label", { has: page.getByText(label, { exact: true }) }).getByRole("checkbox");
    for (const label of ["Lint, format", "Lint", "Tests"]) await box(label).check();
    await box("Lint").uncheck();
    const [sent] = await Promise.all([
      page.waitForRequest((request) => request.method() === "POST" && request.url().includes("/approvals/")),
      card.getByRole("button", { name: "Answer" }).click(),
    ]);
    expect(sent.postDataJSON().updated_input.answers).to.deep.equal({ "What runs?": "Lint, format, Tests" });
    await page.getByText("AskUserQuestion: allowed.").waitFor();
    await asked;
  });

  it("show a parked turn as waiting, and its command in the history", async () => {
    const { id } = await startSession(gateway);
    const { body } = await prompt(id, call("Bash", { command: "git push --force origin main" }));
    expect(body["pending_approval"]).to.be.an("object");
    await visited.go(`sessions/${id}`);
    await page.getByRole("button", { name: "Deny" }).waitFor();
    await page.locator("article").getByText("parked", { exact: true }).first().waitFor();
    expect(await page.locator("article .note.bad").count()).to.equal(0);
    await page.getByRole("button", { name: "Deny" }).click();
    await visited.go("approvals");
    const row = page.locator("tbody tr", { hasText: "git push --force origin main" });
    await row.getByText("denied").waitFor();
    expect(await row.innerText()).not.to.match(/admin\s+(by )?admin/);
  });

  it("show a call that is longer than a line, waiting and in the history", async () => {
    const { id } = await startSession(gateway);
    await prompt(id, call("Bash", { command: `echo ${"long ".repeat(100)}` }));
    await visited.go("approvals");
    await page.getByRole("button", { name: "Deny" }).click();
    await page
      .locator("tbody tr", { hasText: /echo long .* …/ })
      .getByText("denied")
      .waitFor();
  });

  it("keep the columns of the log beside a long key id", async () => {
    const now = new Date().toISOString();
    const keys = ["bob", "k".repeat(64)];
    for (const key_id of keys) {
      mkdirSync(join(gateway.logDir, key_id), { recursive: true });
      const line = { timestamp: now, level: "INFO", key_id, message: `a line of ${key_id}` };
      appendFileSync(join(gateway.logDir, key_id, `${now.slice(0, 7)}.log`), `${JSON.stringify(line)}\n`);
    }
    await visited.go("logs?search=a+line+of");
    const places = [];
    for (const key of keys) {
      const line = page.locator("ol.lines li").filter({ hasText: `a line of ${key}` });
      const id = await line.locator(".key").boundingBox();
      const message = await line.locator(".message").boundingBox();
      expect((id?.x ?? 0) + (id?.width ?? 0)).to.be.below(message?.x ?? 0);
      expect(await line.locator(".key").getAttribute("title")).to.equal(key);
      places.push({ id: id?.x, message: message?.x });
    }
    expect(places[0]).to.deep.equal(places[1]);
  });
});
