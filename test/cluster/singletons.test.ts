import { expect } from "chai";
import { pino } from "pino";
import { MONOTONIC } from "#cluster/clock.js";
import { ClusterSingletons } from "#cluster/cluster-singletons.js";
import { Term } from "#cluster/term.js";
import { timingOf } from "#cluster/timing.js";
import { LEASE_SECS, TestCluster, type TestNode } from "./cluster-kit.js";
import { settle } from "./world.js";

const LEASE = LEASE_SECS * 1000;

describe("work that one node does for all", () => {
  let test: TestCluster;
  let nodes: TestNode[];
  let leading: Set<string>;
  let stops: AbortController[];

  beforeEach(async () => {
    test = new TestCluster();
    nodes = await test.joined("a", "b");
    leading = new Set();
    stops = nodes.map(({ cluster, name }) => {
      const stop = new AbortController();
      void cluster.singletons.lead("poller", (lost) => poll(name, lost), stop.signal);
      return stop;
    });
    await test.world.advance(100);
  });

  function poll(name: string, lost: AbortSignal): Promise<void> {
    expect(lost.aborted).to.equal(false);
    expect([...leading]).to.deep.equal([]);
    leading.add(name);
    return new Promise((resolve) =>
      lost.addEventListener("abort", () => {
        leading.delete(name);
        resolve();
      }),
    );
  }

  it("is done at one node, however long", async () => {
    expect([...leading]).to.deep.equal(["a"]);
    await test.world.advance(5 * LEASE);
    expect([...leading]).to.deep.equal(["a"]);
  });

  it("passes to another when that is asked to stop", async () => {
    stops[0]?.abort();
    await test.world.advance(LEASE / 5);
    expect([...leading]).to.deep.equal(["b"]);
  });

  it("ends at a node that is cut off before another begins", async () => {
    const [a] = nodes;
    if (a !== undefined) a.book.fault = "hangs";
    await test.world.advance((LEASE * 2) / 3 + LEASE / 10);
    expect([...leading]).to.deep.equal([]);
    await test.world.advance(LEASE);
    expect([...leading]).to.deep.equal(["b"]);
    if (a !== undefined) a.book.fault = undefined;
    await test.world.advance(LEASE);
    expect([...leading]).to.deep.equal(["b"]);
  });

  it("passes on when the leader leaves", async () => {
    await nodes[0]?.cluster.leave();
    await settle();
    await test.world.advance(LEASE / 5);
    expect([...leading]).to.deep.equal(["b"]);
  });
});

describe("a singleton's lead", () => {
  it("is asked for again when the term ends between two looks at it", async () => {
    const [timing, log] = [timingOf(LEASE_SECS), pino({ enabled: false })];
    const term = new Term({ node: "a", incarnation: 1 }, MONOTONIC.now(), timing, MONOTONIC);
    let looks = 0;
    const node = {
      condition: "up" as const,
      term: () => {
        if (looks++ === 0) throw new Error("no term");
        return term;
      },
    };
    const book = { lead: async () => true, unlead: async () => undefined };
    const singletons = new ClusterSingletons({ book, node, timing: { beat: 1 }, clock: MONOTONIC, log });
    let led = 0;
    await singletons.lead("poller", async () => void led++, new AbortController().signal);
    expect([looks, led]).to.deep.equal([2, 1]);
    term.end("left");
  });
});

describe("secrets of a cluster", () => {
  it("are those of the first node that made them", async () => {
    const test = new TestCluster();
    const [a, b] = await test.joined("a", "b");
    const one = await a?.cluster.secrets.get("links", () => Buffer.from("one"));
    const two = await b?.cluster.secrets.get("links", () => Buffer.from("two"));
    expect([one?.toString(), two?.toString()]).to.deep.equal(["one", "one"]);
  });
});
