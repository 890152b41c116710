import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { expect } from "chai";
import { cliEnvironment } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { ADA, APP_TOKEN, BOT_TOKEN, CHANNEL, FakeSlack } from "../plugins/slack/fake-slack.js";
import { cardStored } from "./chat-cards.js";
import { Cluster } from "./cluster.js";

describe("slack at two nodes, with the real CLI", () => {
  let model: ScriptedModel;
  let slack: FakeSlack;
  let cluster: Cluster;

  beforeEach(async () => {
    model = await startScriptedModel();
    slack = await FakeSlack.start();
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      engine: "real",
      cluster: { lease_secs: 20, shared_workdirs: true },
      config: {
        engine: { spares: 0 },
        plugins: {
          approval: { enabled: true, rules: [{ ask: "Bash" }], live_wait_secs: 0 },
          slack: {
            enabled: true,
            bot_token: BOT_TOKEN,
            app_token: APP_TOKEN,
            allowed_users: [ADA],
            channels: [CHANNEL],
            api_root: slack.url,
          },
        },
      },
      envOf: (_, dir) => cliEnvironment(model, dir),
    });
  });
  afterEach(async () => {
    await cluster?.dispose();
    await slack.close();
    await model.close();
  });

  const shows = (part: string) => eventually(`a message with ${part}`, () => slack.find(part));

  it("asks at one node, is decided by a button at the other after a kill, and runs once", async () => {
    await eventually("a's socket", () => slack.connected);
    const root = slack.mention("[[bash echo ran >> ran.txt]] [[say over]]");
    const card = await shows("May Claude use Bash?");
    expect(card.thread).to.equal(root);
    await eventually(
      "it is parked",
      async () =>
        (await cluster.query("SELECT 1 FROM turns WHERE parked IS NOT NULL AND node = 'a'")).length === 1,
    );
    // Without it, the next node shows the call again, and the buttons of the first message are refused.
    await eventually("its buttons are stored", () => cardStored(cluster));
    await cluster.node("a").kill();
    await eventually("no socket", () => !slack.connected);
    await eventually("b's socket", () => slack.connected);
    slack.press(card, "Approve");
    await shows("over");
    await eventually("no buttons", () => card.blocks.every(({ type }) => type !== "actions"));
    const turns = await cluster.query(`SELECT "end", node FROM turns`);
    expect(turns).to.deep.equal([{ end: "completed", node: "b" }]);
    const [session] = await cluster.query("SELECT workdir FROM sessions");
    expect(readFileSync(join(String(session?.["workdir"]), "ran.txt"), "utf8")).to.equal("ran\n");
    // The thread is the same session at b, and nothing waits for an acknowledgement.
    slack.write("[[recall]]", { thread: root });
    expect((await shows("I remember 1 earlier prompt")).thread).to.equal(root);
    await eventually("all acknowledgements", () => slack.unacknowledged === 0);
    // Back again, a waits for the lead.
    await cluster.node("a").start();
    slack.write("[[say again]]", { thread: root });
    await shows("again");
    expect(slack.mostConnected, "sockets at once").to.equal(1);
  });
});
