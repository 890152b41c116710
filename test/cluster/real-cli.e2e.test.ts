import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { expect } from "chai";
import { cliEnvironment } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import type { ClusterNode } from "./node.js";
import { type Answer, ask } from "./requests.js";

const LEASE_SECS = leaseSecs(6);
/** When the tool would have its effect: long after its gateway must have been ended. */
const EFFECT_MS = 1500 * LEASE_SECS;

const FAULTS: readonly {
  readonly name: string;
  begin(node: ClusterNode): unknown;
  undo(node: ClusterNode): unknown;
}[] = [
  { name: "killed", begin: (node) => node.kill(), undo: (node) => node.start() },
  { name: "stopped", begin: (node) => node.suspend(), undo: (node) => node.wake() },
  {
    name: "cut off from the database",
    begin: (node) => node.database.cut(),
    undo: (node) => node.database.restore(),
  },
];

describe("a tool of the real CLI at a node", () => {
  let model: ScriptedModel;
  let cluster: Cluster;

  beforeEach(async () => {
    model = await startScriptedModel();
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      engine: "real",
      cluster: { lease_secs: LEASE_SECS, shared_workdirs: true },
      config: { engine: { spares: 0 } },
      envOf: (_, dir) => cliEnvironment(model, dir),
    });
  });
  afterEach(async () => {
    await cluster.dispose();
    await model.close();
  });

  for (const { name, begin, undo } of FAULTS) {
    it(`that is ${name} ends before another node serves, and the conversation goes on there`, async () => {
      const [a, b] = [cluster.node("a"), cluster.node("b")];
      const { session_id: session } = await post(a, "/session/start", {});
      expect(await post(a, `/session/${session}`, { prompt: "one" })).to.include({ success: true });
      const effect = join(cluster.dir, "effect");
      const tool = join(cluster.dir, "tool.cjs");
      writeFileSync(
        tool,
        `setTimeout(() => require("node:fs").writeFileSync(${JSON.stringify(effect)}, ""), ${EFFECT_MS})`,
      );
      const cutOff = post(a, `/session/${session}`, { prompt: `two [[bash node ${tool}]]` }).catch(
        () => undefined,
      );
      await eventually("the tool", async () => (await a.children()).length >= 2);
      // What the node has not stored yet is lost with it.
      await eventually("the prompt in the store", async () => {
        const [{ stored = 0 } = {}] = await cluster.query(
          "SELECT count(*) AS stored FROM transcripts WHERE lines LIKE '%two [[bash%'",
        );
        return Number(stored) > 0;
      });
      const startedAt = performance.now();
      await begin(a);
      const gone = eventually(
        "no process",
        async () => (await a.children()).length === 0 || sleep(30, false),
      ).then(() => performance.now() - startedAt);
      const answered = await eventually("an answer at b", async () => {
        const answer = await post(b, `/session/${session}`, { prompt: "[[recall]]" }).catch(() => undefined);
        return answer?.["success"] === true ? answer : sleep(100, undefined);
      });
      expect(await gone, "ms until the tool had gone").to.be.below(LEASE_SECS * 1000);
      expect(answered["result"]).to.contain('"one"').and.contain("two ");
      await undo(a);
      await eventually("a ready", () => a.isReady());
      await cutOff;
      const turns = await cluster.query(`SELECT "end", cost_nano FROM turns ORDER BY seq`);
      expect(turns.map(({ end }) => end)).to.deep.equal(["completed", "lost", "completed"]);
      const [{ cost = undefined } = {}] = await cluster.query("SELECT cost_nano AS cost FROM sessions");
      expect(Number(cost)).to.equal(turns.reduce((sum, { cost_nano }) => sum + Number(cost_nano), 0));
      await sleep(Math.max(0, EFFECT_MS - (performance.now() - startedAt)));
      expect(existsSync(effect), "the tool's effect").to.equal(false);
    });
  }
});

async function post(node: ClusterNode, path: string, body: object): Promise<Answer["body"]> {
  return (await ask(node, path, { body })).body;
}
