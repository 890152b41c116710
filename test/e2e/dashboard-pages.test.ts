import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { BROWSER_TIMEOUT_MS, launchChromium } from "./chromium.js";
import { logInAt, startFilled, startSession, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, type TestGateway } from "./gateway.js";

const SHAPE = {
  days: 1,
  models: ["claude-haiku-4-5"],
  keys: ["bob"],
  sessions: 1,
  turns: () => 1,
  costUsd: () => 0.1,
};

const call = (tool: string, input: object) => `[[${JSON.stringify({ tool, input })}]]`;

describe("the dashboard's pages", function () {
  this.timeout(BROWSER_TIMEOUT_MS);
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  before(async () => {
    browser = await launchChromium();
    gateway = await startFilled(SHAPE, 1);
    visited = await visit(browser, gateway);
    page = visited.page;
    page.setDefaultTimeout(20_000);
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
    expect(await row.innerText()).not.to.match(/admin\s+by admin/);
  });
});
