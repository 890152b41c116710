import { expect } from "chai";
import { LEASE_SECS, TestCluster } from "./cluster-kit.js";

const LEASE = LEASE_SECS * 1000;
const BEAT = LEASE / 10;

describe("a node that was stopped in its work, and buried", () => {
  it("ends all of it when it wakes, before the database has told it anything", async () => {
    const test = new TestCluster();
    const nodes = await test.joined("a", "b");
    const [a] = nodes;
    if (a === undefined) throw new Error("no node");
    const leading = new Set<string>();
    for (const { name, cluster } of nodes) {
      const work = (lost: AbortSignal) => {
        leading.add(name);
        return new Promise<void>((resolve) =>
          lost.addEventListener("abort", () => {
            leading.delete(name);
            resolve();
          }),
        );
      };
      void cluster.singletons.lead("poller", work, new AbortController().signal);
      await test.world.advance(1);
    }
    const place = await a.cluster.ownership.claim(test.session("s"));
    if (place.at !== "here") throw new Error("expected to own the session");
    a.work.busy.add("s");
    a.machine.stopped = true;
    await test.world.advance(LEASE + 3 * BEAT);
    expect([...leading]).to.deep.equal(["a", "b"]);
    a.book.fault = "hangs";
    a.machine.stopped = false;
    await test.world.advance(1);
    // Nothing of it goes on beside the next owner's.
    const left = { leading: [...leading], stops: a.work.stops, isLost: place.claim.lost.aborted };
    expect(left).to.deep.equal({ leading: ["b"], stops: 1, isLost: true });
  });
});
