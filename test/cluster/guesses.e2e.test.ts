import { expect } from "chai";
import { KEYS } from "../e2e/gateway.js";
import { eventually } from "../e2e/poll.js";
import { Cluster } from "./cluster.js";
import type { ClusterNode } from "./node.js";

describe("logging in to the dashboard of a cluster", () => {
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b"],
      cluster: { lease_secs: 60, shared_workdirs: true },
      args: ["--enable-plugin", "dashboard"],
    });
  });
  afterEach(() => cluster?.dispose());

  async function login(node: ClusterNode, key: string): Promise<number> {
    const response = await fetch(`${node.url}/admin/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }),
    });
    await response.arrayBuffer();
    return response.status;
  }

  it("is slowed down for who guesses at all nodes in turn, and stays so while the database is away", async () => {
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    const statuses = [];
    for (const node of [a, b, a, b, a, b]) statuses.push(await login(node, "wrong"));
    expect(statuses.slice(0, 3)).to.deep.equal([401, 401, 401]);
    expect(statuses.slice(3)).to.include(429);
    // The right key has to wait as well: this is how it stays unguessed. A wait may be over by the time of the next request.
    const waits = await eventually("a wait", async () => {
      await login(a, "wrong");
      const response = await fetch(`${b.url}/admin/login`, { method: "POST", body: "{}" });
      return response.status === 429 && response;
    });
    expect(Number(waits.headers.get("retry-after"))).to.be.within(1, 60);

    await cluster.query("DELETE FROM plugin_store WHERE plugin = 'cluster/guesses'");
    b.database.cut();
    const away = [];
    for (let tries = 0; tries < 5; tries++) away.push(await login(b, "wrong"));
    expect(away[0]).to.equal(401);
    expect(away).to.include(429);
    b.database.restore();
    // What b could not write then, it may write now.
    await eventually("a login at a", async () => (await login(a, KEYS.admin)) === 200);
  });
});
