import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { expect } from "chai";
import { isObject } from "#schemas/index.js";
import { cliEnvironment } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { BotApiServer, CHAT_ID, TOKEN } from "../plugins/telegram/bot-api.js";
import { cardStored } from "./chat-cards.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import type { ClusterNode } from "./node.js";
import { ask } from "./requests.js";

describe("telegram at two nodes, with the real CLI", () => {
  let model: ScriptedModel;
  let api: BotApiServer;
  let cluster: Cluster;

  beforeEach(async () => {
    model = await startScriptedModel();
    api = await BotApiServer.start();
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      engine: "real",
      cluster: { lease_secs: leaseSecs(6), shared_workdirs: true },
      config: {
        engine: { spares: 0 },
        plugins: {
          approval: { enabled: true, rules: [{ ask: "Write" }], live_wait_secs: 0 },
          telegram: {
            enabled: true,
            bot_token: TOKEN,
            chat_id: String(CHAT_ID),
            api_root: api.url,
            allowed_users: [1001],
          },
        },
      },
      envOf: (_, dir) => cliEnvironment(model, dir),
    });
  });
  afterEach(async () => {
    await cluster?.dispose();
    await api.close();
    await model.close();
  });

  async function parkAt(node: ClusterNode, file: string) {
    const { body: session } = await ask(node, "/session/start", { body: {} });
    const prompt = `[[write ${file} A]] [[say written]]`;
    const { body } = await ask(node, `/session/${session["session_id"]}`, { body: { prompt } });
    const { pending_approval: approval } = body;
    if (!isObject(approval)) throw new Error(`it did not park: ${JSON.stringify(body)}`);
    return { turn: String(approval["turn_id"]), path: join(String(session["workdir"]), file) };
  }

  const ended = (node: ClusterNode, turn: string) =>
    eventually("the end of the turn", async () => {
      const { body } = await ask(node, `/turns/${turn}`);
      return body["state"] === "completed" && body;
    });

  it("asks at one node, is decided through the chat at the other after a kill, and runs once", async () => {
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    await eventually("a poll", () => api.polled);
    const { turn, path } = await parkAt(a, "a.txt");
    const asked = await eventually("the call in the chat", () => api.find("a.txt"));
    // Without it, the next node shows the call again, and the buttons of the first message are refused.
    await eventually("its buttons are stored", () => cardStored(cluster));
    await a.kill();
    await eventually("no poll", () => !api.polled);
    await eventually("a poll of b", () => api.polled);
    api.pressButton(asked, "Approve");
    expect((await ended(b, turn))["result"]).to.include({ success: true, result: "written" });
    expect(existsSync(path) && readFileSync(path, "utf8")).to.equal("A");
    await eventually("the decision in the chat", () => asked.buttons.length === 0);
    // Back again, it waits for the lead; what it is asked is shown by b.
    await a.start();
    const other = await parkAt(a, "b.txt");
    const second = await eventually("the call in the chat", () => api.find("b.txt"));
    api.pressButton(second, "Deny");
    await ended(a, other.turn);
    expect(existsSync(other.path)).to.equal(false);
    expect(api.conflicts, "two polls at once").to.equal(0);
    expect(api.shown.filter(({ html }) => html.includes("a.txt"))).to.have.length(1);
    const rows = await cluster.query(`SELECT "end" FROM turns`);
    expect(rows.map(({ end }) => end)).to.deep.equal(["completed", "completed"]);
  });

  it("goes on with a conversation at the next poller", async () => {
    const a = cluster.node("a");
    await eventually("a poll", () => api.polled);
    api.write("[[say first]]", { thread: 7 });
    await eventually("the answer", () => api.find("first"));
    await a.kill();
    await eventually("no poll", () => !api.polled);
    api.write("[[say second]]", { thread: 7 });
    await eventually("the answer", () => api.find("second"));
    const rows = await cluster.query("SELECT count(*) AS n FROM sessions");
    expect(Number(rows[0]?.["n"])).to.equal(1);
  });
});
