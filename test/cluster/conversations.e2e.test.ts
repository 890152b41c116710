import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { expect } from "chai";
import { priceOf, sumOfDealt } from "../e2e/dealt.js";
import { cliEnvironment, KEYS } from "../e2e/gateway.js";
import { eventually, PATIENCE_MS } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import type { ClusterNode } from "./node.js";
import { type Answer, ask } from "./requests.js";

/** How a node loses its sessions. */
const ENDS: Readonly<Record<string, (node: ClusterNode) => unknown>> = {
  killed: (node) => node.kill(),
  "ended in order": (node) => node.end(),
};

describe("a conversation of whole gateways with the real CLI", () => {
  let model: ScriptedModel;
  let cluster: Cluster;
  let a: ClusterNode;
  let b: ClusterNode;

  beforeEach(async () => {
    model = await startScriptedModel();
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      engine: "real",
      // Shorter ones are lost while the load of a machine rises.
      cluster: { lease_secs: leaseSecs(10), shared_workdirs: true },
      config: { engine: { spares: 0 } },
      envOf: (_, dir) => cliEnvironment(model, dir),
    });
    [a, b] = [cluster.node("a"), cluster.node("b")];
  });
  afterEach(async () => {
    await cluster.dispose();
    await model.close();
  });

  /** A prompt that its client gives up on is in the conversation all the same. */
  const say = async (node: ClusterNode, session: string, prompt: string) =>
    (await ask(node, `/session/${session}`, { body: { prompt }, workMs: PATIENCE_MS })).body;
  const answered = (node: ClusterNode, session: string, prompt: string): Promise<Answer["body"]> =>
    eventually(`an answer of ${node.name}`, async () => {
      const answer = await say(node, session, prompt).catch(() => undefined);
      return answer?.["success"] === true && answer;
    });

  for (const [how, end] of Object.entries(ENDS))
    it(`goes on at another node when its own was ${how}, at the exact cost, and can be read and forked there`, async () => {
      const started = await ask(a, "/session/start", { body: {} });
      const session = String(started.body["session_id"]);
      expect(await say(a, session, "one [[words 3]]")).to.include({
        success: true,
        result: "word1 word2 word3",
      });
      expect(await say(a, session, "two")).to.include({ success: true });
      await end(a);
      const recalled = await answered(b, session, "[[recall]]");
      expect(recalled["result"]).to.contain('2 earlier prompts: ["one [[words 3]]","two"]');
      const { body: view } = await ask(b, `/session/${session}`, {});
      const dealt = sumOfDealt(model.dealt());
      expect(view["tokens"]).to.deep.equal(dealt);
      expect(view["cost_usd"]).to.be.closeTo(priceOf(dealt), 1e-9);
      const { body: messages } = await ask(b, `/session/${session}/messages`, {});
      expect(messages).to.include({ transcript: "found", total: 3 });
      const { body: fork } = await ask(b, `/session/${session}/fork`, { body: {} });
      await a.start();
      await eventually("a ready", () => a.isReady());
      await end(b);
      const forked = await answered(a, String(fork["session_id"]), "[[recall]] forked");
      expect(forked["result"]).to.contain('3 earlier prompts: ["one [[words 3]]","two","[[recall]]"]');
      expect((await answered(a, session, "[[recall]] again"))["result"]).to.contain("3 earlier prompts");
      const headers = { authorization: `Bearer ${KEYS.admin}` };
      expect((await fetch(`${a.url}/session/${session}`, { method: "DELETE", headers })).status).to.equal(
        200,
      );
      const [{ parts = undefined } = {}] = await cluster.query(
        `SELECT count(*) AS parts FROM transcripts WHERE session_id = '${session}'`,
      );
      expect(Number(parts)).to.equal(0);
    });
});
