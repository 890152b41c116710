import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { asking, newSession, onlyPending, pending, prompt, read, type TestSession } from "./approval-kit.js";
import { launchChromium } from "./chromium.js";
import { logInAt, seriousFaults, type Visit, visit } from "./dashboard-kit.js";
import { TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { areTwoNodes } from "./two-nodes.js";

/** How long calls wait before their turn parks: at first a moment, for one that has to be parked. */
const [PARKING_SECS, LIVE_SECS] = [1, 600];

describe("the dashboard's page of approvals", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  const options = (live_wait_secs: number) => {
    const { args, ...rest } = asking({ live_wait_secs, allow: "^(Read|Agent|Task) " });
    return { ...rest, args: [`${args[0]}`, `${args[1]},dashboard`] };
  };
  before(async () => {
    browser = await launchChromium();
    gateway = await TestGateway.start(options(PARKING_SECS));
    visited = await visit(browser, gateway);
    page = visited.page;
    await visited.go("approvals");
    await logInAt(visited);
    await page.getByRole("heading", { level: 1, name: "Approvals" }).waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  const admin = (path: string, body?: object) =>
    gateway.request<Record<string, unknown>>(`/admin/${path}`, body === undefined ? {} : { body });
  const sessionThatAsks = async (file: string): Promise<TestSession> => {
    const session = await newSession(gateway);
    void prompt(gateway, session, `[[write ${file} ${file}]]`);
    await onlyPending(gateway, session);
    return session;
  };

  it("shows the prompt of a parked call and what came before it, also after a restart", async () => {
    const session = await newSession(gateway);
    await prompt(gateway, session, "[[say The tests are green.]]");
    const answer = prompt(
      gateway,
      session,
      "Publish it [[say I look first.]] [[read notes.txt]] [[bash git push --force origin main]]",
    );
    expect((await answer).body, "it is parked").to.have.property("pending_approval");
    // An open page would ask meanwhile, and note in the console that nothing answers.
    await page.goto("about:blank");
    await gateway.stop();
    await gateway.launch(options(LIVE_SECS));
    await visited.go("overview");
    // Nodes have logins in their database.
    if (areTwoNodes()) await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    else await logInAt(visited);
    await visited.go("approvals");
    const card = page.getByRole("article", { name: "Bash, asked by admin" });

    await card.getByText("Publish it").waitFor();
    await card.getByText("What came before: 1 earlier turn, 2 steps of this turn").click();
    await card.getByText("The tests are green.").last().waitFor();
    await card.getByText("I look first.", { exact: true }).waitFor();
    await card.locator("details.step", { hasText: "notes.txt" }).waitFor();
    expect(await card.innerText())
      .to.include("git push --force origin main")
      .and.not.include("one message");
    expect(await seriousFaults(page)).to.deep.equal([]);

    await card.getByRole("button", { name: "Deny" }).click();
    await page.getByText("Bash: denied.").waitFor();
    const row = page.locator("tbody tr").first();
    await row.getByText("git push --force origin main").first().waitFor();
    await row.getByText("denied", { exact: true }).waitFor();
  });

  it("explains several calls of one message", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, "[[both [[write a.txt a]] [[write b.txt b]]]]");
    const card = page.getByRole("article", { name: "Write, asked by admin" });
    await card.getByText("Claude made 2 calls in one message.").waitFor();
    expect(await card.getByRole("listitem").allInnerTexts()).to.satisfy(
      ([first = "", second = ""]: string[]) =>
        /a\.txt this one$/.test(first) && /b\.txt not decided$/.test(second),
    );
    await card.getByRole("button", { name: "Allow", exact: true }).click();
    await card.getByText("b.txt").first().waitFor();
    await card.getByRole("button", { name: "Allow", exact: true }).click();
    await answer;
    expect([read(session, "a.txt"), read(session, "b.txt")]).to.deep.equal(["a", "b"]);
  });

  it("decides several calls at once, and says what became of each", async () => {
    const sessions = [];
    for (const name of ["one.txt", "two.txt", "three.txt"]) sessions.push(await sessionThatAsks(name));
    const [first] = sessions;
    const boxes = page.getByLabel("Select Write, asked by admin");
    await boxes.nth(2).waitFor();
    await page.getByLabel("Select all").check();
    await page.getByText("3 calls selected").waitFor();
    await boxes.last().uncheck();
    await page.getByText("2 calls selected").waitFor();
    await page.getByLabel("Select all").check();
    await page.getByRole("button", { name: "Deny selected" }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.getByRole("listitem").count()).to.equal(3);
    // What the lines leave out is named.
    expect(await dialog.getByRole("listitem").allInnerTexts()).to.satisfy((lines: string[]) =>
      lines.every((line) => /Not in this line: content: "(one|two|three)\.txt"/.test(line)),
    );
    expect(await seriousFaults(page)).to.deep.equal([]);
    await dialog.getByLabel("Reason").fill("not today");
    const [taken] = await pending(gateway, first ?? { id: "", workdir: "" });
    await page.route("**/admin/approvals", async (route) => {
      // Another decides one of them first.
      await admin(`approvals/${taken?.id}`, { decision: "allow" });
      await route.continue();
    });
    await dialog.getByRole("button", { name: "Deny" }).click();

    await page.getByText("2 denied, 1 not decided.").waitFor();
    await page.unroute("**/admin/approvals");
    const results = page.getByRole("region", { name: "Decided together" });
    expect(await results.getByText("denied", { exact: true }).count()).to.equal(2);
    expect(await results.innerText()).to.match(/one\.txt\s+already decided: allowed by admin/);
    await page.getByText("No calls are waiting for a decision.").waitFor();
    await eventually("the allowed one runs", () => existsSync(join(first?.workdir ?? "", "one.txt")));
    const { body } = await admin("approvals?status=denied&limit=2");
    const denied = body["approvals"] as readonly { readonly decision: { readonly message: string } }[];
    expect(denied.map(({ decision }) => decision.message)).to.deep.equal(["not today", "not today"]);
  });

  it("says what became of a call that was allowed", async () => {
    const rowOf = (command: string) => page.locator("tbody tr", { hasText: command });
    const allow = async (command: string) => {
      const session = await newSession(gateway);
      const answer = prompt(gateway, session, `[[bash ${command}]]`);
      await admin(`approvals/${(await onlyPending(gateway, session)).id}`, { decision: "allow" });
      return { session, answer };
    };
    const ran = await allow("touch it-ran.txt");
    await ran.answer;
    await rowOf("touch it-ran.txt").getByText("ran", { exact: true }).waitFor();
    const cut = await allow("touch is-cut.txt; sleep 300");
    await rowOf("is-cut").getByText("turn running").waitFor();
    await admin(`sessions/${cut.session.id}/interrupt`, {});
    await cut.answer;
    await rowOf("is-cut")
      .getByText(/^(failed|no result), turn interrupted$/)
      .waitFor();
    expect(await seriousFaults(page)).to.deep.equal([]);
  });

  it("is not needed to see which sessions wait: their list marks them", async () => {
    const session = await sessionThatAsks("four.txt");
    const { body } = await admin("sessions?limit=1000");
    const listed = body["sessions"] as readonly Record<string, unknown>[];
    expect(listed.find(({ session_id }) => session_id === session.id)).to.include({ waiting: true });
    await visited.go("sessions");
    const row = page.locator("tbody tr", { has: page.locator(`a[title="${session.id}"]`) });
    await row.getByText("waiting", { exact: true }).waitFor();
    expect(await row.getByText("running", { exact: true }).count()).to.equal(0);
    await admin(`approvals/${(await onlyPending(gateway, session)).id}`, { decision: "deny" });
    await row.getByText("waiting", { exact: true }).waitFor({ state: "detached" });
  });

  it("refuses malformed lists of ids, and a changed input for several calls", async () => {
    const id = "00000000-0000-4000-8000-000000000000";
    const wrong = [undefined, "x", [], [7], ["x"], Array.from({ length: 101 }, () => id)];
    for (const ids of wrong) {
      const { status, body } = await admin("approvals", { ids, decision: "deny" });
      expect([status, body["error"]]).to.deep.equal([400, "ids must be a list of 1 to 100 ids of approvals"]);
    }
    expect((await admin("approvals", { ids: [id], decision: "maybe" })).status).to.equal(400);
    const changed = await admin("approvals", { ids: [id], decision: "allow", updated_input: {} });
    expect(changed.status).to.equal(400);
    const { body } = await admin("approvals", { ids: [id, id], decision: "deny" });
    expect(body).to.deep.equal({ results: [{ id, status: null, error: "no such approval" }] });
    expect((await admin(`approvals/${id}/context`)).status).to.equal(404);
  });
});
