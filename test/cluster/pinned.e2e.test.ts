import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { expect } from "chai";
import { isObject } from "#schemas/index.js";
import { cliEnvironment, KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";
import type { ClusterNode } from "./node.js";
import { type Answer, ask } from "./requests.js";

/** How a node goes away, and the state that it is in then. */
const ENDS: Readonly<Record<string, { readonly state: string; end(node: ClusterNode): unknown }>> = {
  "was killed": { state: "dead", end: (node) => node.kill() },
  "has left": { state: "left", end: (node) => node.end() },
};

describe("a session whose files are on one node, with the real CLI", () => {
  let model: ScriptedModel;
  let cluster: Cluster;

  beforeEach(async () => {
    model = await startScriptedModel();
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      engine: "real",
      cluster: { lease_secs: 20, shared_workdirs: false },
      config: {
        engine: { spares: 0 },
        plugins: {
          approval: { enabled: true, rules: [{ allow: "Bash" }, { ask: "Write" }], live_wait_secs: 0 },
        },
      },
      envOf: (_, dir) => ({ ...cliEnvironment(model, dir), CLAUDE_WORKDIR: join(dir, "work") }),
    });
  });
  afterEach(async () => {
    await cluster?.dispose();
    await model.close();
  });

  const say = (node: ClusterNode, session: string, prompt: string) =>
    ask(node, `/session/${session}`, { body: { prompt } });
  async function said(node: ClusterNode, session: string, prompt: string): Promise<Answer["body"]> {
    const { body } = await say(node, session, prompt);
    expect(body["success"], JSON.stringify(body)).to.equal(true);
    return body;
  }

  async function start(node: ClusterNode): Promise<{ id: string; workdir: string }> {
    const { body } = await ask(node, "/session/start", { body: {} });
    return { id: String(body["session_id"]), workdir: String(body["workdir"]) };
  }

  async function remove(node: ClusterNode, session: string): Promise<number> {
    const headers = { authorization: `Bearer ${KEYS.admin}` };
    return (await fetch(`${node.url}/session/${session}`, { method: "DELETE", headers })).status;
  }

  for (const [how, { state, end }] of Object.entries(ENDS))
    it(`is not served elsewhere while that ${how}, and goes on in its folder when it is back`, async () => {
      const [a, b] = [cluster.node("a"), cluster.node("b")];
      const session = await start(a);
      expect(session.workdir).to.match(new RegExp(`^${a.dir}/work/`));
      await said(a, session.id, "[[bash echo kept > kept.txt]]");
      // Through the other node, it is the same folder.
      await said(b, session.id, "[[bash cp kept.txt copy.txt]]");
      expect(readFileSync(join(session.workdir, "copy.txt"), "utf8")).to.equal("kept\n");
      const parked = await start(a);
      const { body: waiting } = await say(a, parked.id, "[[write parked.txt P]] [[say written]]");
      const { pending_approval: approval } = waiting;
      if (!isObject(approval)) throw new Error(`it did not park: ${JSON.stringify(waiting)}`);

      await end(a);
      await eventually(
        `a is ${state}`,
        async () => (await cluster.query("SELECT state FROM nodes WHERE node = 'a'"))[0]?.["state"] === state,
      );
      const prompts = { body: { prompt: "[[say hello]]" } };
      for (const [path, sent] of [
        ["", prompts],
        ["/stream", prompts],
        ["/fork", { body: {} }],
        ["/files", {}],
        ["/messages", {}],
      ] as const) {
        const { status, body } = await ask(b, `/session/${session.id}${path}`, sent);
        expect(status, path).to.equal(503);
        expect(body["error"], path).to.match(
          /^the node a, which has th(e|is) session, (does not answer|is away)$/,
        );
      }
      expect(await remove(b, session.id)).to.equal(503);
      expect((await ask(b, `/session/${session.id}`)).body).to.include({ session_id: session.id });
      // A decision is recorded anywhere; the call runs where its files are.
      const decided = await ask(b, `/approvals/${String(approval["id"])}`, { body: { decision: "allow" } });
      expect(decided.status, JSON.stringify(decided.body)).to.equal(200);
      const turn = String(approval["turn_id"]);
      const stateAtB = async () => (await ask(b, `/turns/${turn}`)).body["state"];
      // Several looks for turns that may go on.
      const own = await start(b);
      for (const word of ["one", "two", "three"])
        expect((await say(b, own.id, `[[say ${word}]]`)).body["result"]).to.equal(word);
      expect(await stateAtB()).to.not.equal("completed");
      expect(readdirSync(join(b.dir, "work")).map((name) => join(b.dir, "work", name))).to.deep.equal([
        own.workdir,
      ]);

      await a.start();
      await eventually("the end of the turn", async () => (await stateAtB()) === "completed");
      expect(readFileSync(join(parked.workdir, "parked.txt"), "utf8")).to.equal("P");
      const again = await eventually("an answer of a", async () => {
        const { status, body } = await say(b, session.id, "[[bash cp copy.txt third.txt]]");
        return status === 200 && body;
      });
      expect(again).to.include({ success: true });
      expect(existsSync(join(session.workdir, "third.txt"))).to.equal(true);
      const { status, body: fork } = await ask(b, `/session/${session.id}/fork`, { body: {} });
      expect(status, JSON.stringify(fork)).to.equal(200);
      const forked = String(fork["session_id"]);
      expect((await said(b, forked, "[[recall]]"))["result"]).to.contain("earlier prompts");
      expect(fork["workdir"]).to.match(new RegExp(`^${a.dir}/work/`));
      const [row] = await cluster.query("SELECT pinned_to FROM sessions WHERE id = $1", [forked]);
      expect(row).to.deep.equal({ pinned_to: "a" });
    });
});
