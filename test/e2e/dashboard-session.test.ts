import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.js";
import { logInAt, seriousFaults, startSession, type Visit, visit } from "./dashboard-kit.js";
import { KEYS, TestGateway } from "./gateway.js";
import { eventually } from "./poll.js";
import { areTwoNodes } from "./two-nodes.js";

/** Markdown that would run, load or restyle something if it became markup. */
const ATTACKS = [
  '<img src=x onerror="window.hacked=1">',
  "<script>window.hacked=2</script>",
  '<iframe src="https://evil.example/"></iframe>',
  "![image](https://evil.example/pixel.png)",
  "![inline](data:image/svg+xml;base64,PHN2Zy8+)",
  "[click](javascript:window.hacked=3)",
  "[click](JaVaScRiPt&#58;window.hacked=4)",
  "[click](data:text/html,<script>window.hacked=5</script>)",
  "[click](vbscript:hacked)",
  "[stay](/admin/plugins/approval/disable)",
  "<javascript:window.hacked=6>",
  '[titled](https://ok.example/ "\\" onmouseover=\\"window.hacked=7")',
  '<https://ok.example/"onclick="window.hacked=8>',
  "```html\n<b onclick=hacked>\n```",
  "<style>body { display: none }</style>",
  `${">".repeat(500)} deep`,
  `${"*_".repeat(2000)} stars`,
];

/** A PNG of one pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

describe("the dashboard's page of a session", () => {
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
    await page.getByRole("heading", { name: "Overview" }).waitFor();
  });
  after(async () => {
    await gateway.dispose();
    await browser.close();
  });
  afterEach(() => expect(visited.trouble).to.deep.equal([]));

  const say = (id: string, prompt: string, more: object = {}) =>
    gateway.request(`/session/${id}`, { body: { prompt, ...more }, key: KEYS.bob });

  it("renders Markdown, and none of it as markup", async () => {
    const { id } = await startSession(gateway);
    const markdown = [
      "[[echo]]",
      "# Title",
      "**bold** and `code`",
      "- one\n- two",
      "1. First:",
      "```\nbetween\n```",
      "2. Second.",
      "| a | b |\n|---|---|\n| 1 | 2 |",
    ];
    await say(id, [...markdown, "[fine](https://ok.example/page)", ...ATTACKS].join("\n\n"), {
      verbatim: true,
    });
    await visited.go(`sessions/${id}`);
    const answer = page.locator("article .markdown");
    await answer.locator(".heading", { hasText: "Title" }).waitFor();
    expect(await answer.locator("strong").first().innerText()).to.equal("bold");
    expect(await answer.locator("table td").allInnerTexts()).to.deep.equal(["1", "2"]);
    expect(await answer.locator("ul li").count()).to.equal(2);
    const starts = answer.locator("ol").evaluateAll((lists) => lists.map((list) => Object(list).start));
    expect(await starts).to.deep.equal([1, 2]);
    expect(await answer.locator("img, script, iframe, style, object, embed, form, svg").count()).to.equal(0);
    const links = await page.evaluate<[string, string][][]>(
      `[...document.querySelectorAll("article .markdown a")].map((link) =>
        link.getAttributeNames().map((name) => [name, link.getAttribute(name)]))`,
    );
    expect(links.length).to.be.greaterThan(0);
    for (const link of links) {
      const attributes = Object.fromEntries(link);
      expect(Object.keys(attributes)).to.have.members(["href", "target", "rel", "title"]);
      expect(attributes["href"]).to.match(/^https:\/\/(ok|evil)\.example\//);
      expect(attributes["rel"]).to.equal("noreferrer noopener");
    }
    const handlers = await page.evaluate<string[]>(
      `[...document.querySelectorAll("article .markdown *")].flatMap((one) => one.getAttributeNames())
        .filter((name) => /^on|^style$/.test(name))`,
    );
    expect(handlers).to.deep.equal([]);
    for (const text of [
      "<script>window.hacked=2</script>",
      "<b onclick=hacked>",
      "javascript:window.hacked=3",
    ])
      expect(await answer.innerText()).to.include(text);
    expect(await page.evaluate("window.hacked")).to.equal(undefined);
    await page.getByRole("button", { name: "Show as written" }).click();
    await page.locator("article .body pre", { hasText: "**bold** and `code`" }).waitFor();
  });

  it("keeps a long answer open when the transcript arrives late", async () => {
    const { id } = await startSession(gateway);
    await say(id, `[[echo]] ${"long ".repeat(2000)}end`, { verbatim: true });
    let arrive: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let asked = 0;
    await page.route(/\/messages\?/, async (route) => {
      asked++;
      await late;
      await route.continue();
    });
    await visited.go(`sessions/${id}?source=1`);
    const texts = page.locator("article .body pre");
    const answer = texts.filter({ hasText: "long" }).last();
    await page
      .locator("article .body")
      .getByRole("button", { name: /Show all/ })
      .click();
    await eventually("all of it", async () => (await answer.innerText()).endsWith("end"));
    expect(asked).to.be.at.least(1);
    // The transcript has more of the turn than the ledger.
    const fork = page.getByRole("button", { name: "Fork here" });
    expect(await fork.count()).to.equal(0);
    arrive();
    await fork.waitFor();
    expect((await answer.innerText()).endsWith("end")).to.equal(true);
    expect(await texts.count(), "the answer is shown once").to.equal(1);
    await page.unroute(/\/messages\?/);
  });

  it("shows thinking, and tool calls with their inputs, results and durations", async () => {
    const session = await startSession(gateway);
    writeFileSync(join(session.workdir, "notes.txt"), "the content of the notes\n");
    await say(
      session.id,
      "[[think I should look]] [[say Looking.]] [[read notes.txt]] [[bash exit 3]] [[say Done.]]",
    );
    await visited.go(`sessions/${session.id}`);
    const card = page.locator("article");
    await card.getByText("Looking.", { exact: true }).waitFor();
    await card.getByText("Thinking").click();
    await card.getByText("I should look", { exact: true }).waitFor();
    const read = card.locator("details.step", { hasText: "notes.txt" });
    expect(await read.locator("summary").innerText()).to.match(/Read.*notes\.txt.*\d (ms|s)/s);
    await read.locator("summary").click();
    await read.getByText("the content of the notes").waitFor();
    const bash = card.locator("details.step", { hasText: "exit 3" });
    await bash.getByText("failed", { exact: true }).waitFor();
    expect(await card.getByText("Done.", { exact: true }).count(), "the answer is shown once").to.equal(1);
    expect(await seriousFaults(page)).to.deep.equal([]);
  });

  it("shows a tool call while its turn runs", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    await page.getByText("No turns yet.").waitFor();
    const answer = say(id, "[[bash sleep 10]]");
    const step = page.locator("details.step", { hasText: "sleep 10" });

    await step.getByText("running", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Interrupt" }).click();
    await answer;
    await step.getByText("running", { exact: true }).waitFor({ state: "detached" });
  });

  it("sets the title, and removes it", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByLabel("Title").fill("The <b>retry</b> loop");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "The <b>retry</b> loop" }).waitFor();
    expect((await gateway.request(`/session/${id}`, { key: KEYS.bob })).body).to.include({
      title: "The <b>retry</b> loop",
    });
    await visited.go("sessions");
    await page.getByText("The <b>retry</b> loop").waitFor();
    await visited.go(`sessions/${id}`);
    await page.getByRole("button", { name: "Rename" }).click();
    await page.getByLabel("Title").fill("");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: id }).waitFor();
  });

  it("is named by its first prompt until it has a title, also after a restart", async () => {
    const { page } = visited;
    const session = await startSession(gateway);
    const send = (prompt: string) =>
      gateway.request(`/session/${session.id}`, { body: { prompt }, key: KEYS.bob });
    await send("Bound the retries, please. [[say Done.]]");
    await send("Now the tests. [[say Done.]]");
    const first = "Bound the retries, please. [[say Done.]]";
    await visited.go("sessions");
    const row = page.getByRole("row").filter({ hasText: session.id.slice(0, 8) });
    // The list of another node than the session's names it by its id, as all lists do after a restart.
    await row.getByText(areTwoNodes() ? session.id.slice(0, 8) : first).waitFor();
    await page.goto("about:blank");
    await gateway.stop();
    await gateway.launch();
    await visited.go("overview");
    // Nodes keep logins in their database.
    if (!areTwoNodes()) await logInAt(visited);
    await visited.go(`sessions/${session.id}`);
    await page.getByRole("heading", { name: session.id }).waitFor();
    await page.locator("p.said").getByText(first).waitFor();
    await page.getByRole("button", { name: "Rename" }).click();
    expect(await page.getByLabel("Title").inputValue()).to.equal(first);
  });

  it("sends a prompt for the session's key, and forks the session at a turn", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    const box = page.getByLabel("Prompt, on behalf of the key bob");
    for (const [at, words] of ["[[say first answer]]", "[[say second answer]]"].entries()) {
      await box.fill(words);
      await box.press("Control+Enter");
      await page.locator("article", { hasText: "completed" }).nth(at).waitFor();
    }
    const cards = page.locator("article");
    expect(await cards.first().innerText(), "oldest first").to.include("first answer");
    const { body } = await gateway.request(`/session/${id}`, { key: KEYS.bob });
    expect(body).to.include({ task_count: 2 });
    await cards.first().getByRole("button", { name: "Fork here" }).click();
    await eventually("the fork", async () => !page.url().includes(id));
    await page.getByText("Before the fork").waitFor();
    await page.getByText("first answer").first().waitFor();
    expect(await page.getByText("second answer").count()).to.equal(0);
    const fork = page.url().split("/").at(-1);
    expect((await gateway.request(`/session/${fork}`, { key: KEYS.bob })).status).to.equal(200);
  });

  it("begins one turn for a prompt that is sent again after its answer was lost, and one fork for two clicks", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    let lost = 0;
    await page.route("**/prompt", async (route) => {
      if (lost++ > 0) return route.continue();
      await route.fetch();
      await route.abort();
    });
    const box = page.getByLabel("Prompt, on behalf of the key bob");
    await box.fill("[[say only once]]");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("alert").getByText("the gateway does not respond").waitFor();
    expect(visited.trouble.splice(0)).to.have.length(1);
    expect(await box.inputValue()).to.equal("[[say only once]]");
    await page.getByRole("button", { name: "Send" }).click();
    await eventually("it is sent", async () => (await box.inputValue()) === "");
    await page.locator("article", { hasText: "completed" }).waitFor();
    const turns = async () => (await gateway.request(`/session/${id}`, { key: KEYS.bob })).body["task_count"];
    expect(await turns()).to.equal(1);
    await box.fill("[[say only once]]");
    await page.getByRole("button", { name: "Send" }).click();
    await eventually("the same words, written again, are another prompt", async () => (await turns()) === 2);
    await page.locator("article", { hasText: "completed" }).nth(1).waitFor();
    const wrong = await gateway.request(`/admin/sessions/${id}/prompt`, {
      body: { prompt: "x", draft_id: "?" },
    });
    expect(wrong.status).to.equal(400);

    let forks = 0;
    await page.route("**/fork", (route) => {
      forks++;
      return route.continue();
    });
    await page.getByRole("button", { name: "Fork here" }).first().dblclick();
    await eventually("the fork", async () => !page.url().includes(id));
    await page.getByText("Before the fork").waitFor();
    expect(forks).to.equal(1);
    await page.unroute("**/prompt");
    await page.unroute("**/fork");
  });

  it("keeps what is typed and attached while a prompt is sent", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route("**/prompt", async (route) => {
      await released;
      await route.continue();
    });
    const box = page.getByLabel("Prompt, on behalf of the key bob");
    await box.fill("[[say first]]");
    const begun = page.waitForRequest("**/prompt");
    await page.getByRole("button", { name: "Send" }).click();
    await begun;
    await box.fill("and then");
    const note = { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("later") };
    await page.locator('input[type="file"]').setInputFiles([note]);
    await page.getByRole("button", { name: /Remove note\.txt/ }).waitFor();
    release();
    await page.locator("article", { hasText: "completed" }).waitFor();
    await page.getByText("Sending …").waitFor({ state: "detached" });
    expect(await box.inputValue()).to.equal("and then");
    expect(await page.getByRole("button", { name: /Remove note\.txt/ }).count()).to.equal(1);
    await page.unroute("**/prompt");
  });

  it("sends a prompt whose answer was lost again by itself, before what was typed meanwhile", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    const box = page.getByLabel("Prompt, on behalf of the key bob");
    let lost = 0;
    await page.route("**/prompt", async (route) => {
      if (lost++ > 0) return route.continue();
      await route.fetch();
      await box.fill("[[say second]]");
      await route.abort();
    });
    await box.fill("[[say first]]");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("alert").getByText("the gateway does not respond").waitFor();
    expect(visited.trouble.splice(0)).to.have.length(1);
    await page.getByRole("button", { name: "Send" }).click();
    await eventually("both are sent", async () => (await box.inputValue()) === "" && lost === 3);
    for (const [at, words] of ["first", "second"].entries())
      await page.locator("article", { hasText: "completed" }).nth(at).getByText(`[[say ${words}]]`).waitFor();
    const { body } = await gateway.request(`/session/${id}`, { key: KEYS.bob });
    expect(body).to.include({ task_count: 2 });
    expect(await page.getByText("Will be sent first:").count()).to.equal(0);
    await page.unroute("**/prompt");
  });

  it("sends images and text files with a prompt, and refuses other files", async () => {
    const { id } = await startSession(gateway);
    await visited.go(`sessions/${id}`);
    const chooser = page.locator('input[type="file"]');
    await chooser.setInputFiles([
      { name: "pixel.png", mimeType: "image/png", buffer: Buffer.from(PIXEL, "base64") },
      { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("written in the note") },
      { name: "zeros.bin", mimeType: "application/octet-stream", buffer: Buffer.from([0xff, 0xfe, 0, 1]) },
    ]);
    const box = page.getByLabel("Prompt, on behalf of the key bob");
    await page.getByRole("button", { name: /Remove note\.txt/ }).waitFor();
    await box.fill("look");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByRole("alert").getByText('"zeros.bin" must be text in UTF-8').waitFor();
    await page.getByRole("button", { name: /Remove zeros\.bin/ }).click();
    expect(await seriousFaults(page)).to.deep.equal([]);
    await page.getByRole("button", { name: "Send" }).click();
    const card = page.locator("article", { hasText: "completed" });
    await card.getByText("written in the note").first().waitFor();
    expect(await card.innerText())
      .to.include("You sent an image: image/png, 70 bytes")
      .and.include('File "note.txt":');
    expect(await page.getByRole("list", { name: "Files" }).count()).to.equal(0);
    const wrong = async (files: unknown) =>
      (await gateway.request(`/admin/sessions/${id}/prompt`, { body: { prompt: "x", files } })).status;
    expect(await wrong("x")).to.equal(400);
    expect(await wrong([{ name: "a", media_type: "image/png", data: "?" }])).to.equal(400);
    expect(await wrong([{ name: "", media_type: "image/png", data: "aaaa" }])).to.equal(400);
    expect(await wrong(Array.from({ length: 21 }, () => ({ name: "a", data: "aaaa" })))).to.equal(400);
  });

  it("nests the calls of a subagent below the call that started it, and lists its task", async () => {
    const { id } = await startSession(gateway);
    await say(id, "[[subagent [[bash echo inside]] [[bash exit 4]]]] [[say Delegated.]]");
    await visited.go(`sessions/${id}`);
    const inner = page.getByRole("list", { name: "Calls of the subagent" });
    await inner.getByText("echo inside").waitFor();
    expect(await inner.getByRole("listitem").allInnerTexts()).to.satisfy(
      ([first = "", second = ""]: string[]) =>
        /^Bash\s+echo inside\s+\d+.*s$/.test(first) && /^Bash\s+exit 4\s+failed/.test(second),
    );
    const tasks = page.getByRole("list", { name: "Tasks" });
    await tasks.getByText("completed").waitFor();
    expect(await tasks.innerText()).to.include("subagent");
  });

  it("shows that the CLI repeated a request", async () => {
    const { id } = await startSession(gateway);
    await say(id, "[[fail 2x 529 busy]] [[say fine]]");
    await visited.go(`sessions/${id}`);
    await page.getByText("A request to the model failed and was sent again 2 times (overloaded).").waitFor();
  });

  it("shows what runs in the background, until it ends", async () => {
    const { id } = await startSession(gateway);
    const input = { command: "sleep 8", description: "Sleeps a while", run_in_background: true };
    await visited.go(`sessions/${id}`);
    await page.getByText("No turns yet.").waitFor();
    await say(id, `[[${JSON.stringify({ tool: "Bash", input })}]] [[say begun]]`);
    const region = page.getByRole("region", { name: "In the background" });
    await region.getByText("Sleeps a while").waitFor();
    await region.waitFor({ state: "detached" });
  });

  it("offers the command that resumes the session in a terminal", async () => {
    const { id, workdir } = await startSession(gateway);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await visited.go(`sessions/${id}`);
    await page.getByRole("button", { name: "Copy the command" }).click();
    await page.getByText("Copied").waitFor();
    const copied = await page.evaluate<string>("navigator.clipboard.readText()");
    expect(copied).to.match(new RegExp(`^cd ${workdir} && (CLAUDE_CONFIG_DIR=\\S+ )?claude --resume ${id}$`));
  });

  it("does none of it for another origin, a wrong body or an unknown session", async () => {
    const { id } = await startSession(gateway);
    const foreign = {
      "sec-fetch-site": "cross-site",
      cookie: (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join(),
    };
    for (const path of ["prompt", "fork"]) {
      const url = `/admin/sessions/${id}/${path}`;
      expect(
        (await gateway.request(url, { body: { prompt: "x" }, key: null, headers: foreign })).status,
      ).to.equal(403);
      expect((await gateway.request(url, { body: { prompt: "x" }, key: KEYS.bob })).status).to.equal(403);
      expect((await gateway.request(url, { body: { prompt: 1, at: 1 } })).status).to.equal(400);
      const unknown = `/admin/sessions/00000000-0000-4000-8000-000000000000/${path}`;
      expect((await gateway.request(unknown, { body: { prompt: "x" } })).status).to.equal(404);
    }
    const rename = (title: unknown) =>
      gateway.request(`/admin/sessions/${id}`, { method: "PATCH", body: { title } });
    expect((await rename("x".repeat(201))).status).to.equal(400);
    expect((await rename(7)).status).to.equal(400);
  });
});
