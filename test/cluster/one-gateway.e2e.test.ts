import { expect } from "chai";
import { eventually } from "../e2e/poll.js";
import { judge } from "./books.js";
import { Cluster } from "./cluster.js";
import { Load } from "./load.js";
import { Random } from "./random.js";

describe("one gateway on PostgreSQL, under load", () => {
  let cluster: Cluster;
  let load: Load;

  beforeEach(async () => {
    cluster = await Cluster.start({ nodes: ["a"], cluster: null });
    load = new Load(cluster.nodes, { clients: 6, sessions: 4, ms: 120, random: new Random(7) });
    await load.start();
    await more(10);
  });
  afterEach(() => cluster.dispose());

  const more = (count: number) => {
    const before = load.history.acknowledged.length;
    return eventually("turns", () => load.history.acknowledged.length >= before + count);
  };

  async function verdict() {
    await load.stop();
    const found = await judge(cluster, load.history);
    expect(found.broken).to.deep.equal([]);
    return found;
  }

  it("books every acknowledged turn once, and leaves no process", async () => {
    const { completed, lost, acknowledged } = await verdict();
    expect(completed).to.be.at.least(acknowledged);
    expect(lost).to.equal(0);
  });

  it("books what a kill cut off as lost, and goes on", async () => {
    await cluster.node("a").kill();
    await eventually("no process", async () => (await cluster.node("a").children()).length === 0);
    await cluster.node("a").start();
    await more(10);
    const { lost } = await verdict();
    expect(lost).to.be.greaterThan(0);
  });

  it("keeps the books exact while the database is reset, cut off, slow and killed", async () => {
    const { database } = cluster.node("a");
    for (const fault of [() => database.reset(), () => database.cut(), () => database.slow()]) {
      fault();
      await new Promise((over) => setTimeout(over, 1000));
      database.restore();
      await more(10);
    }
    await cluster.postgres.kill();
    await cluster.postgres.start();
    await more(10);
    await verdict();
  });
});
