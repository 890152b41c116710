import { fileURLToPath } from "node:url";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { decide, newSession, onlyPending, prompt } from "./approval-kit.js";
import { endJobs, JOB } from "./background-kit.js";
import { launchChromium } from "./chromium.js";
import { logInAt, type Visit, visit } from "./dashboard-kit.js";
import type { TestGateway } from "./gateway.js";
import { promptWaiting, startSubscribed } from "./limit-kit.js";
import { limitSecs } from "./poll.js";

const ASKS = fileURLToPath(new URL("../fixtures/plugins/asks", import.meta.url));
/** Longer than a page takes to show that a call waits, on a busy machine. */
const LIVE_WAIT_SECS = limitSecs(8);
/** An answer of ten seconds. */
const SLOW_WORDS = "[[slow 100]] [[words 100]]";

describe("the dashboard's open pages, while turns park, go on and begin by themselves", () => {
  let browser: Browser;
  let gateway: TestGateway;
  let visited: Visit;
  let page: Page;
  before(async () => {
    browser = await launchChromium();
    gateway = await startSubscribed({
      args: ["--enable-plugin", `dashboard,${ASKS}`],
      config: `[engine]\nspares = 0\n[plugins.asks]\nlive_wait_secs = ${LIVE_WAIT_SECS}\nallow = "^Bash"\n`,
    });
    visited = await visit(browser, gateway);
    page = visited.page;
    await visited.go("requests");
    await logInAt(visited);
    await page.getByText("No requests yet.").waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  const state = (name: string) => page.locator(".state", { hasText: new RegExp(`^${name}$`) }).first();

  it("show that a turn waits for a usage limit, and that it has gone on", async () => {
    await promptWaiting(gateway, "/task", `[[limit five_hour ${Math.ceil(limitSecs(15))}]] [[say fine]]`);
    await state("parked").waitFor();
    await state("completed").waitFor();
  });

  it("show that a call waits, that its turn parks, and the text from its decision on", async () => {
    const session = await newSession(gateway);
    const answer = prompt(gateway, session, `[[say first]] [[write a.txt A]] ${SLOW_WORDS}`);
    await state("waiting").waitFor();
    await visited.go(`sessions/${session.id}`);
    const approval = await onlyPending(gateway, session);
    await answer;
    await page.locator("article").locator(state("parked")).waitFor();
    await decide(gateway, approval.id, { decision: "allow" });
    await page.getByText("word1 word2 word3").first().waitFor();
    await page.locator("article").locator(state("running")).waitFor();
    await page.locator("article").locator(state("completed")).waitFor();
  });

  it("show a turn that the CLI begins by itself, and its text", async () => {
    const session = await newSession(gateway);
    await visited.go(`sessions/${session.id}`);
    await page.getByText("No turns yet.").waitFor();
    await prompt(gateway, session, `${JOB} [[say started]] [[noticed ${SLOW_WORDS}]]`);
    await endJobs(session);
    const second = page.locator("article").nth(1);
    await second.getByText("word1 word2 word3").waitFor();
    await second.locator(state("running")).waitFor();
    await second.locator(state("completed")).waitFor();
  });
});
