import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ScriptedModel, startScriptedModel } from "@claudeway/plugin-demo/model";
import { expect } from "chai";
import { isObject } from "#schemas/index.js";
import { HEARS } from "../e2e/events-kit.js";
import { cliEnvironment } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { journal, judge } from "./books.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import type { ClusterNode } from "./node.js";
import { promptOf } from "./order.js";
import { ask } from "./requests.js";

const LEASE_SECS = leaseSecs(4);
const TURNS = 12;
/** How often each node looks for calls that have expired. */
const SWEEP_MS = 5_000;

/** The pending requests, as this node lists them. */
async function pending(node: ClusterNode): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const { body } = await ask(node, "/approvals?status=pending&limit=100");
  return [body["approvals"]].flat().filter(isObject);
}

/** Whether the plugin at this node knows how the turn ended. */
async function hasHeard(node: ClusterNode, turnId: unknown): Promise<boolean> {
  const { outcomes } = (await ask(node, "/heard")).body;
  return [outcomes].flat().some((outcome) => isObject(outcome) && outcome["turn"] === turnId);
}

describe("calls that wait for a person, at two nodes", () => {
  let model: ScriptedModel;
  let cluster: Cluster;
  const start = (engine: "load" | "real", liveWaitSecs: number, movableClocks = false) =>
    Cluster.start({
      nodes: ["a", "b"],
      engine,
      movableClocks,
      args: ["--enable-plugin", HEARS],
      cluster: { lease_secs: LEASE_SECS, shared_workdirs: true },
      config: {
        engine: { spares: 0 },
        plugins: {
          approval: { enabled: true, rules: [{ ask: "Write" }], live_wait_secs: liveWaitSecs },
        },
      },
      envOf: (_, dir) => (engine === "real" ? cliEnvironment(model, dir) : {}),
    });

  beforeEach(async () => {
    model = await startScriptedModel();
  });
  afterEach(async () => {
    await cluster?.dispose();
    await model.close();
  });

  it("are decided once, whichever node hears which decision", async () => {
    cluster = await start("load", 60);
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const turns = Array.from({ length: TURNS }, async (_, number) => {
      const node = number % 2 === 0 ? a : b;
      const { body } = await ask(node, "/session/start", { body: {} });
      const prompt = promptOf({ tag: `tag${number}e`, ms: 10, units: 1, asks: true });
      return ask(node, `/session/${body["session_id"]}`, { body: { prompt } });
    });
    const allAsked = async () => {
      const found = await pending(a);
      return found.length === TURNS && found;
    };
    const asked = await eventually("all pending", allAsked);
    const winners = await Promise.all(
      asked.map(async ({ id, turn_id }) => {
        const decisions = [
          { node: a, decision: "allow" },
          { node: b, decision: "deny" },
        ];
        const answers = await Promise.all(
          decisions.map(({ node, decision }) => ask(node, `/approvals/${id}`, { body: { decision } })),
        );
        expect(answers.map(({ status }) => status)).to.have.members([200, 409]);
        const winner = answers.findIndex(({ status }) => status === 200);
        return { turn: String(turn_id), allowed: decisions[winner]?.decision === "allow" };
      }),
    );
    for (const { body, turn } of await Promise.all(turns)) {
      const allowed = winners.find((one) => one.turn === turn)?.allowed;
      expect(body["result"], JSON.stringify(body)).to.match(allowed === true ? /allowed$/ : /denied$/);
    }
    const ran = journal(cluster.dir).filter(({ what }) => what === "allowed");
    expect(ran.map(({ turn }) => turn)).to.have.members(
      winners.filter(({ allowed }) => allowed).map(({ turn }) => turn),
    );
    const history = { acknowledged: [], sent: 0, refused: {}, wrong: [], odd: [] };
    expect((await judge(cluster, history)).broken).to.deep.equal([]);
  });

  it("expire by the database's clock, wherever that of a node is", async () => {
    cluster = await start("load", 60, true);
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const { body: session } = await ask(a, "/session/start", { body: {} });
    const path = `/session/${session["session_id"]}`;
    b.clock.move("+2d");
    await eventually("the clock of b two days ahead", async () => {
      const { headers } = await fetch(`${b.url}/health`);
      return Date.parse(headers.get("date") ?? "") - Date.now() > 47 * 3_600_000;
    });
    const prompt = promptOf({ tag: "clocks", ms: 10, units: 1, asks: true });
    const answer = ask(a, path, { body: { prompt } });
    const [call] = await eventually("a pending call", async () => {
      const found = await pending(b);
      return found.length > 0 && found;
    });
    await sleep(2 * SWEEP_MS);
    const decided = await ask(b, `/approvals/${call?.["id"]}`, { body: { decision: "allow" } });
    expect(decided.status, JSON.stringify(decided.body)).to.equal(200);
    expect((await answer).body["result"]).to.match(/allowed$/);
  });

  it("are withdrawn with the turn that is lost with its node", async () => {
    cluster = await start("load", 60);
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const { body: session } = await ask(a, "/session/start", { body: {} });
    const prompt = promptOf({ tag: "lost", ms: 10, units: 1, asks: true });
    const cut = ask(a, `/session/${session["session_id"]}`, { body: { prompt } }).catch(() => undefined);
    const [call] = await eventually("a pending call", async () => {
      const found = await pending(b);
      return found.length > 0 && found;
    });
    await a.kill();
    await cut;
    await eventually("the end of the turn, heard at b", () => hasHeard(b, call?.["turn_id"]));
    const late = await ask(b, `/approvals/${call?.["id"]}`, { body: { decision: "allow" } });
    expect(late.status, JSON.stringify(late.body)).to.equal(409);
    expect(late.body["error"]).to.include("withdrawn");
  });

  it("run once at the other node after their own was killed, with the real CLI", async () => {
    cluster = await start("real", 0);
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const { body: session } = await ask(a, "/session/start", { body: {} });
    const path = `/session/${session["session_id"]}`;
    const parked = await ask(a, path, { body: { prompt: "[[write a.txt A]] [[say written]]" } });
    const { pending_approval: approval } = parked.body;
    if (!isObject(approval)) throw new Error(`it did not park: ${JSON.stringify(parked.body)}`);
    await a.kill();
    const decided = await ask(b, `/approvals/${approval["id"]}`, { body: { decision: "allow" } });
    expect(decided.status).to.equal(200);
    const turn = await eventually("the end of the turn at b", async () => {
      const { body } = await ask(b, `/turns/${approval["turn_id"]}`);
      return body["state"] === "completed" ? body : sleep(100, undefined);
    });
    expect(turn["result"]).to.include({ success: true, result: "written" });
    const file = join(String(session["workdir"]), "a.txt");
    expect(existsSync(file) && readFileSync(file, "utf8")).to.equal("A");
    expect((await ask(b, `/approvals/${approval["id"]}`, { body: { decision: "deny" } })).status).to.equal(
      409,
    );
    await a.start();
    const rows = await cluster.query(`SELECT "end" FROM turns`);
    expect(rows).to.deep.equal([{ end: "completed" }]);
  });
});
