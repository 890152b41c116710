import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { isObject } from "#schemas/index.js";
import { eventually } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";
import { leaseSecs } from "./lease.js";
import type { ClusterNode } from "./node.js";
import { type Order, promptOf } from "./order.js";
import { ask } from "./requests.js";

type Line = Readonly<Record<string, unknown>>;

describe("the audit log of a cluster", () => {
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      cluster: { lease_secs: leaseSecs(6), shared_workdirs: true },
      args: ["--enable-plugin", "dashboard"],
      config: { plugins: { approval: { enabled: true, rules: [{ ask: "Write" }], live_wait_secs: 60 } } },
    });
  });
  afterEach(() => cluster?.dispose());

  const work = (node: ClusterNode, order: Partial<Order>) => {
    const prompt = promptOf({ tag: "tag", ms: 0, units: 1, ...order });
    return ask(node, "/task", { body: { prompt } });
  };

  /** All lines that match, page by page; `missing` of the first page. */
  async function logs(
    node: ClusterNode,
    query: string,
    limit = 2,
  ): Promise<{ lines: Line[]; missing: unknown }> {
    const lines: Line[] = [];
    let missing: unknown;
    for (let before = ""; ; ) {
      const { body } = await ask(node, `/admin/logs?limit=${limit}&${query}${before}`);
      missing ??= body["missing"];
      lines.push(...[body["entries"]].flat().filter(isObject));
      if (body["before"] === null) return { lines, missing };
      before = `&before=${String(body["before"])}`;
    }
  }

  /** Lets a person decide on a call of a task at the one node, at the other. */
  async function decided(at: ClusterNode, decision: "allow" | "deny", tag: string): Promise<string> {
    const turn = work(at, { tag, asks: true });
    const approval = await eventually("a call that waits", async () => {
      const { body } = await ask(at, "/approvals?status=pending");
      return [body["approvals"]].flat().filter(isObject)[0];
    });
    await ask(at, `/approvals/${String(approval["id"])}`, { body: { decision } });
    await turn;
    return String(approval["id"]);
  }

  /** What a node has written to its files about turns and approvals. */
  function written(node: ClusterNode): Line[] {
    const folder = join(node.dir, "logs", "admin");
    return readdirSync(folder)
      .flatMap((file) => readFileSync(join(folder, file), "utf8").trim().split("\n"))
      .map((line): Line => JSON.parse(line))
      .filter((line) => line["claude_exit_code"] !== undefined || line["approval_id"] !== undefined);
  }

  it("shows the turns and decisions of a node that is lost, in order and once", async () => {
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    for (const node of [a, b, a]) await work(node, {});
    const approvals = [
      await decided(a, "allow", "x"),
      await decided(b, "deny", "y"),
      await decided(a, "deny", "z"),
    ];
    const lost = work(a, { tag: "never", ms: 300_000 }).catch(() => undefined);
    await eventually("it runs", async () => {
      const rows = await cluster.query(`SELECT 1 FROM turns WHERE "end" IS NULL AND pid IS NULL`);
      return rows.length === 1;
    });
    const ofA = await eventually("a's lines", () => {
      const lines = written(a);
      return lines.length === 6 && lines;
    });
    await a.kill();
    await lost;
    await eventually("the lost turn", async () => (await logs(b, "kind=turn&level=WARN")).lines.length === 1);
    // With its disk.
    rmSync(join(a.dir, "logs"), { recursive: true });

    const turns = await logs(b, "kind=turn");
    expect(turns.missing).to.deep.equal([]);
    expect(turns.lines).to.have.length(7);
    const found = [...turns.lines, ...(await logs(b, "kind=approval")).lines];
    const times = turns.lines.map((line) => String(line["timestamp"]));
    expect(times).to.deep.equal(times.toSorted().toReversed());
    expect(found.flatMap((line) => line["approval_id"] ?? [])).to.have.members(approvals);
    for (const line of ofA) {
      const same = found.filter((one) =>
        line["approval_id"] === undefined
          ? one["turn_id"] === line["turn_id"] && one["approval_id"] === undefined
          : one["approval_id"] === line["approval_id"],
      );
      expect(same, JSON.stringify(line)).to.have.length(1);
      const { id: _id, node, timestamp, ...shown } = same[0] ?? {};
      const { timestamp: at, ...rest } = line;
      expect(shown).to.deep.equal(rest);
      expect(node).to.equal("a");
      // The file has the time at which the decision was announced.
      if (line["approval_id"] === undefined) expect(timestamp).to.equal(at);
    }

    const all = await logs(b, "search=turn_id", 1000);
    expect(all.missing).to.deep.equal(["a"]);
    const ids = all.lines.map((line) => `${String(line["turn_id"])} ${String(line["approval_id"])}`);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(ids).to.have.length(10);
    const order = all.lines.map((line) => String(line["timestamp"]));
    expect(order).to.deep.equal(order.toSorted().toReversed());

    // On a new machine, without its files.
    await a.start();
    for (const node of [a, b]) expect((await logs(node, "kind=turn")).lines).to.deep.equal(turns.lines);
    expect((await logs(a, "search=turn_id", 1000)).missing).to.deep.equal([]);
  });
});
