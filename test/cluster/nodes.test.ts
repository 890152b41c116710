import { expect } from "chai";
import { keptBy } from "../kept-by-signal.js";
import { LEASE_SECS, TestCluster } from "./cluster-kit.js";

const LEASE = LEASE_SECS * 1000;
const FENCE = (LEASE * 2) / 3;
const BEAT = LEASE / 10;

describe("nodes of a cluster", () => {
  it("beat ten times a lease, and leave each other alone", async () => {
    const test = new TestCluster();
    const [a, b] = await test.joined("a", "b");
    await test.world.advance(10 * LEASE);
    expect(test.record("a").beat).to.be.within(99, 102);
    expect(test.shared.buried).to.deep.equal([]);
    expect([a?.cluster.condition, b?.cluster.condition]).to.deep.equal(["up", "up"]);
    expect(b?.cluster.nodes.map(({ node }) => node)).to.deep.equal(["a", "b"]);
  });

  it("keep no more for each beat", async () => {
    const test = new TestCluster();
    const [a] = await test.joined("a", "b");
    const fence = a?.cluster.fence;
    if (fence === undefined) throw new Error("no term");
    await test.world.advance(LEASE);
    const before = keptBy(fence);
    await test.world.advance(10 * LEASE);
    expect(keptBy(fence)).to.equal(before);
  });

  it("bury one that was killed after a lease, and not before", async () => {
    const test = new TestCluster();
    const [a, b] = await test.joined("a", "b");
    await test.world.advance(LEASE);
    // Never woken: its process is gone.
    if (a !== undefined) a.machine.stopped = true;
    await test.world.advance(LEASE - BEAT);
    expect(test.shared.buried).to.deep.equal([]);
    await test.world.advance(3 * BEAT);
    expect(test.shared.buried.map(({ node }) => node)).to.deep.equal(["a"]);
    expect(b?.cluster.condition).to.equal("up");
  });

  it("free the sessions of a buried node under a new epoch", async () => {
    const test = new TestCluster();
    const [a, b] = await test.joined("a", "b");
    const id = test.session("s");
    const before = await a?.cluster.ownership.claim(id);
    expect(before).to.deep.include({ at: "here" });
    expect(await b?.cluster.ownership.claim(id)).to.deep.include({ at: "elsewhere" });
    if (a !== undefined) a.machine.stopped = true;
    await test.world.advance(LEASE + 3 * BEAT);
    const after = await b?.cluster.ownership.claim(id);
    if (before?.at !== "here" || after?.at !== "here") throw new Error("expected to own the session");
    expect(after.claim.epoch).to.be.greaterThan(before.claim.epoch);
  });

  it("end their work at two thirds of the lease when cut off, before they are buried", async () => {
    const test = new TestCluster();
    const [a] = await test.joined("a", "b");
    if (a === undefined) throw new Error("no node");
    await test.world.advance(LEASE);
    a.book.fault = "hangs";
    await test.world.advance(FENCE + BEAT);
    expect(a.work.stops).to.equal(1);
    expect(a.cluster.condition).to.equal("fenced");
    expect(test.shared.buried).to.deep.equal([]);
    await test.world.advance(LEASE);
    expect(test.shared.buried.map(({ node }) => node)).to.deep.equal(["a"]);
  });

  it("count the fence from when the beat was sent, not from its answer", async () => {
    const test = new TestCluster();
    const [a] = await test.joined("a", "b");
    if (a === undefined) throw new Error("no node");
    await test.world.advance(BEAT - 1);
    // The next beat is sent and applied, and its answer is read only when the process wakes.
    const beat = a.book.beat.bind(a.book);
    a.book.beat = async (...args) => {
      const alive = await beat(...args);
      await new Promise<void>((resolve) => a.machine.after(1, resolve));
      return alive;
    };
    await test.world.advance(1);
    a.machine.stopped = true;
    await test.world.advance(FENCE + BEAT);
    const { stops } = a.work;
    expect(stops).to.equal(0);
    a.machine.stopped = false;
    await test.world.advance(2);
    expect(a.work.stops).to.equal(1);
  });

  it("refuse work in the moment when they wake after the fence, before any timer ran", async () => {
    const test = new TestCluster();
    const [a] = await test.joined("a", "b");
    if (a === undefined) throw new Error("no node");
    const id = test.session("s");
    const place = await a.cluster.ownership.claim(id);
    if (place?.at !== "here") throw new Error("expected to own the session");
    a.machine.stopped = true;
    await test.world.advance(LEASE + 3 * BEAT);
    expect(place.claim.lost.aborted).to.equal(false);
    const refused = await a.cluster.ownership.claim(id).catch((error: unknown) => error);
    expect(refused).to.deep.include({ code: "UNAVAILABLE" });
    expect(place.claim.lost.aborted).to.equal(true);
    expect(a.cluster.ownership.fenced.aborted).to.equal(true);
  });

  it("come back under a new incarnation after a stop, once all work has ended", async () => {
    const test = new TestCluster();
    const [a] = await test.joined("a", "b");
    if (a === undefined) throw new Error("no node");
    const first = test.record("a").incarnation;
    let end: () => void = () => undefined;
    a.work.stopped = new Promise((resolve) => {
      end = resolve;
    });
    a.machine.stopped = true;
    await test.world.advance(LEASE + 3 * BEAT);
    a.machine.stopped = false;
    await test.world.advance(LEASE);
    expect(test.record("a")).to.deep.include({ state: "dead", incarnation: first });
    end();
    await test.world.advance(2 * BEAT);
    expect(test.record("a").state).to.equal("up");
    expect(test.record("a").incarnation).to.be.greaterThan(first);
    expect(a.cluster.condition).to.equal("up");
    await test.world.advance(2 * LEASE);
    expect(a.work.stops).to.equal(1);
    const id = test.session("s");
    expect(await a.cluster.ownership.claim(id)).to.deep.include({ at: "here" });
  });

  it("bury nobody after the database was away for longer than the lease", async () => {
    const test = new TestCluster();
    const nodes = await test.joined("a", "b", "c");
    await test.world.advance(LEASE);
    for (const { book } of nodes) book.fault = "rejects";
    await test.world.advance(2 * LEASE);
    expect(nodes.map(({ work }) => work.stops)).to.deep.equal([1, 1, 1]);
    // Only the last one to look reaches it at first: the others did not beat for longer than the lease, as far as it can see.
    for (const { book } of nodes.slice(-1)) book.fault = undefined;
    await test.world.advance(2 * BEAT);
    for (const { book } of nodes) book.fault = undefined;
    await test.world.advance(2 * LEASE);
    expect(test.shared.buried).to.deep.equal([]);
    expect(nodes.map(({ cluster }) => cluster.condition)).to.deep.equal(["up", "up", "up"]);
  });

  it("start counting anew after having been stopped themselves", async () => {
    const test = new TestCluster();
    const [a, b] = await test.joined("a", "b");
    if (a === undefined || b === undefined) throw new Error("no node");
    await test.world.advance(LEASE);
    // Both stop; b wakes first and sees a's old counter.
    a.machine.stopped = true;
    b.machine.stopped = true;
    await test.world.advance(2 * LEASE);
    b.machine.stopped = false;
    await test.world.advance(LEASE - 2 * BEAT);
    expect(test.shared.buried).to.deep.equal([]);
    a.machine.stopped = false;
    await test.world.advance(2 * LEASE);
    expect(test.shared.buried).to.deep.equal([]);
  });

  it("let a restarted one bury its earlier incarnation at once", async () => {
    const test = new TestCluster();
    const [a] = await test.joined("a", "b");
    if (a === undefined) throw new Error("no node");
    const id = test.session("s");
    await a.cluster.ownership.claim(id);
    a.machine.stopped = true;
    const again = test.node("a");
    await again.cluster.begin(again.work);
    expect(await again.cluster.ownership.claim(id)).to.deep.include({ at: "here" });
  });

  it("stay out while a later gateway goes by the same name, and return when that is dead", async () => {
    const test = new TestCluster();
    const [a] = await test.joined("a", "b");
    if (a === undefined) throw new Error("no node");
    const again = test.node("a");
    await again.cluster.begin(again.work);
    await test.world.advance(2 * LEASE);
    expect(a.work.stops).to.equal(1);
    expect([a.cluster.condition, again.cluster.condition]).to.deep.equal(["fenced", "up"]);
    expect(a.lines.join("")).to.contain("give each gateway its own cluster.node");
    again.machine.stopped = true;
    await test.world.advance(2 * LEASE);
    expect(a.cluster.condition).to.equal("up");
  });

  it("refuse to join with another configuration, and say in which parts", async () => {
    const test = new TestCluster();
    await test.joined("a");
    const b = test.node("b", { configDigest: "keys=2 plugins.approval=1" });
    const joining = b.cluster.begin(b.work).catch((error: unknown) => error);
    await test.world.advance(2 * BEAT);
    const refused = await joining;
    expect(refused).to.be.an("error").with.property("name", "ConfigError");
    expect(String(refused)).to.contain('it differs from that of node "a" in: keys, plugins.approval');
    expect(test.shared.nodes.has("b")).to.equal(false);
  });

  it("join with the plugins that the others have since they were reloaded, and only with those", async () => {
    const test = new TestCluster();
    const [a, b] = await test.joined("a", "b");
    await test.world.advance(2 * BEAT);
    const reloaded = { plugins: ["limits"], pluginSections: {} };
    a?.cluster.reloaded(reloaded);
    await test.world.advance(11 * BEAT);
    const differs = /a node has another configuration; give it the same one, and reload it too/;
    expect(a?.lines.join("")).to.match(differs).and.contain('"node":"b","parts":["plugins.limits"]');
    b?.cluster.reloaded(reloaded);
    await test.world.advance(11 * BEAT);
    expect(b?.lines.join("")).to.not.match(differs);
    const c = test.node("c", { configDigest: "keys=1 plugins.limits=1" });
    await c.cluster.begin(c.work);
    const old = test.node("old");
    const joining = old.cluster.begin(old.work).catch((error: unknown) => String(error));
    await test.world.advance(2 * BEAT);
    expect(await joining).to.contain("in: plugins.limits");
  });

  it("join with another configuration once all nodes that had the former one are dead", async () => {
    const test = new TestCluster();
    const killed = await test.joined("a", "b");
    await test.world.advance(LEASE);
    for (const { machine } of killed) machine.stopped = true;
    const a = test.node("a", { configDigest: "keys=2" });
    const joining = a.cluster.begin(a.work);
    await test.world.advance(LEASE - BEAT);
    expect(a.cluster.condition).to.equal("joining");
    expect(test.shared.buried).to.deep.equal([]);
    await test.world.advance(3 * BEAT);
    expect(await joining, "its former start did not leave").to.equal(true);
    expect(a.cluster.condition).to.equal("up");
    expect(test.shared.buried.map(({ node }) => node)).to.include("b");
  });

  it("free their sessions at once when they leave", async () => {
    const test = new TestCluster();
    const [a, b] = await test.joined("a", "b");
    const id = test.session("s");
    await a?.cluster.ownership.claim(id);
    a?.cluster.drain();
    await a?.cluster.leave();
    expect(test.record("a").state).to.equal("left");
    expect(await b?.cluster.ownership.claim(id)).to.deep.include({ at: "here" });
    await test.world.advance(2 * LEASE);
    expect(test.shared.buried).to.deep.equal([]);
  });
});
