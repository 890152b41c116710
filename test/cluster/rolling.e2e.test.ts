import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { INSTALL_TIMEOUT_MS } from "../debian.js";
import { eventually } from "../e2e/poll.js";
import { judge } from "./books.js";
import { Cluster } from "./cluster.js";
import { Load } from "./load.js";
import { Random } from "./random.js";

/** Between the removal of a node from the balancer and SIGTERM, as `preStop` in deploy/cluster/kubernetes.yaml waits. */
const PRE_STOP_MS = 500;

describe("a rolling restart of three nodes under load", function () {
  this.timeout(INSTALL_TIMEOUT_MS);
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b", "c"],
      cluster: { lease_secs: 5, shared_workdirs: true },
      config: { engine: { grace_secs: 20 } },
    });
  });
  afterEach(() => cluster.dispose());

  it("loses no turn, and refuses nothing but with 503", async () => {
    const inService = [...cluster.nodes];
    const options = { clients: 8, sessions: 12, ms: 500, random: new Random(3), balanced: true };
    const load = new Load(inService, options);
    await load.start();
    const more = (count: number) => {
      const before = load.history.acknowledged.length;
      return eventually("turns", () => load.history.acknowledged.length >= before + count, 60_000);
    };
    await more(20);
    for (const node of cluster.nodes) {
      inService.splice(inService.indexOf(node), 1);
      await sleep(PRE_STOP_MS);
      await node.end("SIGTERM");
      await node.start();
      await eventually(`${node.name} ready`, () => node.isReady(), 60_000);
      inService.push(node);
      await more(20);
    }
    await load.stop();
    // A request on its way to a node whose port closes may have begun there, so it is not sent again.
    for (const why of Object.keys(load.history.refused)) expect(why).to.match(/^503 /);
    const { broken, lost } = await judge(cluster, load.history);
    expect(broken).to.deep.equal([]);
    expect(lost).to.equal(0);
  });
});
