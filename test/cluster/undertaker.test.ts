import { expect } from "chai";
import { LEASE_SECS, TestCluster, type TestNode } from "./cluster-kit.js";

const LEASE = LEASE_SECS * 1000;

describe("turns that no process works on", () => {
  let test: TestCluster;
  let a: TestNode;
  let b: TestNode;

  beforeEach(async () => {
    test = new TestCluster();
    const [first, second] = await test.joined("a", "b");
    if (first === undefined || second === undefined) throw new Error("no nodes");
    [a, b] = [first, second];
    for (const node of [a, b]) writeDown(node);
  });

  /** What a node books, or resumes, is no longer found. */
  function writeDown({ work }: TestNode): void {
    work.recordLost = async (turns) => {
      for (const { id } of turns) {
        work.lost.push(id);
        const at = test.shared.running.findIndex((turn) => turn.id === id);
        test.shared.running.splice(at, 1);
      }
    };
    work.goOn = async (turnId) => {
      work.resumed.push(turnId);
      const at = test.shared.decided.findIndex(({ id }) => id === turnId);
      test.shared.decided.splice(at, 1);
    };
  }

  function run(node: TestNode, id: string): void {
    const { incarnation } = test.record(node.name);
    test.shared.running.push({ id, sessionId: test.session("s"), start: { node: node.name, incarnation } });
    node.work.running.add(id);
  }

  it("are booked once a node is buried, and not before", async () => {
    run(a, "t");
    a.machine.stopped = true;
    await test.world.advance(LEASE - 4000);
    expect(b.work.lost).to.deep.equal([]);
    await test.world.advance(12_000);
    expect(b.work.lost).to.deep.equal(["t"]);
  });

  it("are booked by who takes their session, before anything else happens in it", async () => {
    run(a, "t");
    test.shared.nodes.set("a", { ...test.record("a"), state: "dead" });
    a.machine.stopped = true;
    await b.cluster.ownership.claim("s");
    expect(b.work.recovered).to.deep.equal(["s"]);
    await b.cluster.ownership.claim("s");
    expect(b.work.recovered).to.deep.equal(["s"]);
  });

  it("are booked by a node that joined after the burial", async () => {
    run(a, "t");
    test.shared.nodes.set("a", { ...test.record("a"), state: "dead" });
    a.machine.stopped = true;
    b.machine.stopped = true;
    const c = test.node("c");
    writeDown(c);
    await c.cluster.begin(c.work);
    await test.world.advance(2000);
    expect(c.work.lost).to.deep.equal(["t"]);
  });

  it("are booked by their own node that does not run them, when seen twice", async () => {
    run(a, "running");
    run(a, "forgotten");
    a.work.running.delete("forgotten");
    await test.world.advance(1100);
    expect(a.work.lost).to.deep.equal([]);
    await test.world.advance(2000);
    expect(a.work.lost).to.deep.equal(["forgotten"]);
  });

  it("go on at one node when they are decided", async () => {
    test.shared.decided.push({ id: "parked", sessionId: test.session("s") });
    await test.world.advance(2500);
    expect([...a.work.resumed, ...b.work.resumed]).to.deep.equal(["parked"]);
  });

  it("do not go on at a node that drains", async () => {
    a.cluster.drain();
    test.shared.decided.push({ id: "parked", sessionId: test.session("s") });
    await test.world.advance(2500);
    expect([a.work.resumed, b.work.resumed]).to.deep.equal([[], ["parked"]]);
  });

  it("are looked for again after the database was away", async () => {
    b.book.fault = "rejects";
    await test.world.advance(5000);
    run(a, "t");
    test.shared.nodes.set("a", { ...test.record("a"), state: "dead" });
    a.machine.stopped = true;
    b.book.fault = undefined;
    await test.world.advance(2500);
    expect(b.work.lost).to.deep.equal(["t"]);
  });
});
