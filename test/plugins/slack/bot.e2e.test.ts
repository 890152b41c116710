import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { TestGateway } from "../../e2e/gateway.js";
import { eventually } from "../../e2e/poll.js";
import { noticeStored } from "../parked-notice.js";
import { ADA, APP_TOKEN, BOT_TOKEN, CHANNEL, FakeSlack } from "./fake-slack.js";

/** The real command and the real CLI, a scripted model, and a fake Slack on loopback. */
describe("slack's bot, end to end", () => {
  let slack: FakeSlack;
  let gateway: TestGateway;

  before(async () => {
    slack = await FakeSlack.start();
    gateway = await TestGateway.start({
      config: `
[plugins.slack]
enabled = true
bot_token = "${BOT_TOKEN}"
app_token = "${APP_TOKEN}"
allowed_users = ["${ADA}"]
channels = ["${CHANNEL}"]
api_root = "${slack.url}"
[plugins.approval]
enabled = true
live_wait_secs = 1
`,
    });
  });
  after(async () => {
    await Promise.allSettled([slack.close()]);
    await gateway.dispose();
  });

  const shows = (part: string) => eventually(`a message with ${part}`, () => slack.find(part));
  const files = (name: string) =>
    readdirSync(gateway.workdir, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(name))
      .map((path) => readFileSync(join(gateway.workdir, path), "utf8"));

  it("runs a call once when it is approved after a kill and a restart, in the same thread and session", async () => {
    const root = slack.mention("[[say first]] [[write slack.txt from-a-thread]]");
    const card = await shows("May Claude use Write?");
    expect(card.thread).to.equal(root);
    await shows("Waiting for a decision");
    await noticeStored(gateway.dataDir);
    await gateway.stop("SIGKILL");
    expect(files("slack.txt")).to.deep.equal([]);
    await gateway.launch();
    slack.press(card, "Approve");
    await shows("The turn goes on.");
    expect(slack.find("Waiting for a decision")).to.equal(undefined);
    await eventually("the file", () => files("slack.txt").length > 0);
    await eventually("no buttons", () => card.blocks.every(({ type }) => type !== "actions"));
    expect(files("slack.txt")).to.deep.equal(["from-a-thread"]);
    slack.write("[[recall]]", { thread: root });
    expect((await shows("I remember 1 earlier prompt")).thread).to.equal(root);
    await eventually("all acknowledgements", () => slack.unacknowledged === 0);
    expect(gateway.stdout + gateway.stderr).not.to.contain("test-secret");
  });
});
