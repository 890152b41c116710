import { expect } from "chai";
import { eventually } from "../e2e/poll.js";
import { judge } from "./books.js";
import { Cluster } from "./cluster.js";
import { Load } from "./load.js";
import { makeNextVersion, NEXT_VERSION } from "./next-version.js";
import { type ClusterNode, PRODUCT } from "./node.js";
import { promptOf } from "./order.js";
import { Random } from "./random.js";
import { ask } from "./requests.js";

const TURNS = 10;
const SOON_MS = 120_000;

describe("two versions side by side", () => {
  let cluster: Cluster;
  let next: string;

  before(() => {
    next = makeNextVersion();
  });
  beforeEach(async () => {
    cluster = await Cluster.start({
      nodes: ["a", "b", "c"],
      cluster: { lease_secs: 30, shared_workdirs: true },
      config: { engine: { grace_secs: 60 } },
    });
  });
  afterEach(() => cluster.dispose());

  async function restart(node: ClusterNode, product: string): Promise<void> {
    await node.end("SIGTERM");
    node.product = product;
    await node.start();
    await eventually(`${node.name} ready`, () => node.isReady());
  }

  /** A session that `owner` has is prompted, interrupted and followed through the other node. */
  async function passOn(through: ClusterNode, owner: ClusterNode): Promise<void> {
    const { body } = await ask(owner, "/session/start", { body: {} });
    const path = `/session/${String(body["session_id"])}`;
    const prompt = (ms: number) => ({ prompt: promptOf({ tag: "said", ms, units: 1 }) });
    expect((await ask(owner, path, { body: prompt(0) })).body).to.include({ result: "said" });
    const running = ask(through, path, { body: prompt(SOON_MS) });
    await eventually("a turn at its owner", async () => (await owner.children()).length > 0);
    expect((await ask(through, `${path}/interrupt`, { body: {} })).body).to.include({ interrupted: true });
    expect((await running).body).to.include({ success: false });
    expect((await ask(through, path)).body).to.include({ task_count: 2 });
  }

  it("share one ledger, pass requests on in both directions, and lose nothing in a rolling upgrade under load", async () => {
    const load = new Load(cluster.nodes, {
      clients: 6,
      sessions: 9,
      ms: 300,
      random: new Random(5),
      balanced: true,
    });
    await load.start();
    const more = async () => {
      const before = load.history.acknowledged.length;
      await eventually("turns", () => load.history.acknowledged.length >= before + TURNS);
    };
    await more();
    for (const node of cluster.nodes) {
      await restart(node, next);
      await more();
    }
    await load.stop();
    const versions = await cluster.query("SELECT DISTINCT version FROM nodes WHERE state = 'up'");
    expect(versions).to.deep.equal([{ version: NEXT_VERSION }]);
    const { broken, lost } = await judge(cluster, load.history);
    expect(broken).to.deep.equal([]);
    expect(lost).to.equal(0);
    expect(load.history.refused).to.deep.equal({});

    // Back, one node only: the tables have what it does not know.
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    await restart(a, PRODUCT);
    await passOn(a, b);
    await passOn(b, a);
    await ask(a, "/session/start", { body: {} });
  });

  it("refuse a ledger from which a later version has taken what the earlier one uses", async () => {
    const [a, b] = [cluster.node("a"), cluster.node("b")];
    await restart(b, next);
    await a.end("SIGTERM");
    await cluster.query("UPDATE ledger SET needs = version");
    const refused = await a.start().then(
      () => "it started",
      (error: unknown) => String(error),
    );
    expect(refused).to.match(
      /was written by a newer Claudeway \(version \d+; this one supports up to \d+\): upgrade/,
    );
    expect(await b.isReady()).to.equal(true);
  });
});
