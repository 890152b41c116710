import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { noticeStored } from "../parked-notice.js";
import { type Payload, SlackServer } from "../slack/slack-server.js";
import { BotApiServer, type Shown, telegramSection } from "./bot-api.js";
import { visibleText } from "./telegram-html.js";
import { talkInTopics } from "./topics.js";

/** The real command and the real CLI, a scripted model, and both services on loopback. */
describe("telegram and slack, end to end", () => {
  let api: BotApiServer;
  let slack: SlackServer;
  let gateway: TestGateway;

  beforeEach(async () => {
    api = await BotApiServer.start();
    slack = await SlackServer.start();
  });

  afterEach(async () => {
    // Even if the gateway did not start, or left something behind.
    await Promise.allSettled([api.close(), slack.close()]);
    await gateway.dispose();
  });

  async function start(
    more: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const config = `${telegramSection(api, "poll_timeout_secs = 5\n")}
[plugins.slack]
enabled = true
webhook_url = "${slack.url()}"
interval_ms = 50
public_url = "https://claude.example.org"
${more}`;
    gateway = await TestGateway.start({ config, args, env });
  }

  const shows = (part: string) => eventually(`a message with ${part}`, () => api.find(part));
  const settled = (shown: Shown) => eventually("no buttons", () => shown.buttons.length === 0);
  const posts = (part: string) =>
    eventually(`Slack shows ${part}`, () =>
      slack.posted.some(({ payload }) => textOf(payload).includes(part)),
    );

  /** Files of this name in the gateway's work folders. */
  const files = (name: string) =>
    readdirSync(gateway.workdir, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(name))
      .map((path) => readFileSync(join(gateway.workdir, path), "utf8"));

  it("runs a call once when it is approved after parking, a kill and a restart, and says by whom", async () => {
    await start("[plugins.approval]\nenabled = true\nlive_wait_secs = 1\n");
    api.write("[[say first]] [[write phone.txt from-the-phone]]", { thread: 7 });
    const card = await shows("May Claude use Write?");
    expect(card.thread).to.equal(7);
    await shows("Waiting for a decision");
    await noticeStored(gateway.dataDir);
    await posts("May Claude use Write?");
    await posts("Parked until a decision is made");
    const page = slack.posted.map(({ payload }) => textOf(payload)).join();
    expect(page).to.contain('"url":"https://claude.example.org/');

    await gateway.stop("SIGKILL");
    expect(files("phone.txt")).to.deep.equal([]);
    await gateway.launch();
    api.pressButton(card, "Approve");
    await settled(card);
    expect(card.html).to.contain("Approved by Ada L (@ada)");
    await shows("Approved by Ada L (@ada). The turn goes on.");
    expect(api.find("Waiting for a decision")).to.equal(undefined);
    await eventually("the file", () => files("phone.txt").length > 0);
    await eventually("the rest of the answer", () => {
      const [last] = api.texts(7).slice(-1);
      return api.texts(7).length === 4 && !last?.includes("Failed");
    }).catch(() => expect.fail(api.texts(7).join("\n---\n")));
    expect(files("phone.txt")).to.deep.equal(["from-the-phone"]);
    expect(api.shown.filter(({ html }) => html.includes("May Claude use Write?"))).to.have.length(1);
    await posts("Approved by Ada L (@ada) (telegram)");

    // It is the same session.
    api.write("[[recall]]", { thread: 7 });
    await shows("I remember 1 earlier prompt");
    const log = readFileSync(
      join(gateway.logDir, "telegram", `${new Date().toISOString().slice(0, 7)}.log`),
      "utf8",
    );
    expect(log).to.contain('"key_id":"telegram"');
  });

  it("reports the end of background work in its topic, and gives each prompt its own answer", async () => {
    await start("", [], { IS_SANDBOX: "1" });
    const command = "node -e 'setTimeout(()=>{},3000)'";
    const input = { command, description: "Test job", run_in_background: true };
    const job = `[[${JSON.stringify({ tool: "Bash", input })}]]`;
    api.write(`${job} [[say started]] [[noticed [[say the build finished]]]]`, { thread: 3 });
    await shows("started");
    for (const word of ["alpha", "beta", "gamma", "delta"]) {
      api.write(`[[say ${word}]]`, { thread: 3 });
      await shows(word);
      await sleep(1000);
    }
    expect((await shows("the build finished")).thread).to.equal(3);
    const shown = api.texts(3).map((text) => text.trim());
    expect(shown.filter((text) => text !== "the build finished")).to.deep.equal([
      "started",
      "alpha",
      "beta",
      "gamma",
      "delta",
    ]);
  });

  it("approves denied calls by a press, keeps order and sessions in many topics, and posts to Slack", async () => {
    await start("", ["--no-permissions-bypass"]);
    api.write("[[write denied.txt now]]", { thread: 1 });
    const card = await shows("Tool calls denied: ");
    expect(files("denied.txt")).to.deep.equal([]);
    api.pressButton(card, "Approve");
    await settled(card);
    await eventually("the file", () => files("denied.txt").length > 0);
    expect(files("denied.txt")).to.deep.equal(["now"]);

    await talkInTopics(api, { topics: 4, messages: 3 });
    // A request from outside is reported in both channels.
    const { status } = await gateway.request("/task", { body: { prompt: "[[say over http]]" } });
    expect(status).to.equal(200);
    await posts("admin");
    await shows("Request finished");
    expect(visibleText((await shows("Request finished")).html)).to.contain("admin");
    api.write("/status", { thread: 10 });
    expect((await shows("Turns: 3")).html).to.match(/Cost: \$0\.\d*[1-9]/);
    expect(gateway.stdout).to.contain("telegram");
    expect(gateway.stdout + gateway.stderr).not.to.contain("test-token");
  });
});

function textOf(payload: Payload): string {
  return JSON.stringify(payload.blocks);
}
