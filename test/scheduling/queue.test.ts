import { expect } from "chai";
import { type Place, type QueueLimits, TurnQueue } from "#scheduling/queue.js";

/** A queue, and what became of everybody who came. */
function open(limits: Partial<QueueLimits> = {}) {
  const queue = new TurnQueue({ maxRunning: 1, maxQueued: 10, ...limits });
  const admitted: string[] = [];
  const places = new Map<string, Place>();
  const positions = new Map<string, number[]>();
  const refused = new Map<string, unknown>();
  const stops = new Map<string, AbortController>();
  const come = async (name: string, keyId = "key", again = false) => {
    const stop = new AbortController();
    stops.set(name, stop);
    positions.set(name, []);
    const moved = (position: number) => positions.get(name)?.push(position);
    try {
      const place = await (again ? queue.enterAgain : queue.enter).call(queue, keyId, stop.signal, moved);
      places.set(name, place);
      admitted.push(name);
    } catch (error) {
      refused.set(name, error);
    }
  };
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { queue, admitted, places, positions, refused, stops, come, settled };
}

describe("TurnQueue", () => {
  it("admits at once up to its limit, then first come first served", async () => {
    const { queue, admitted, places, come, settled } = open({ maxRunning: 2 });
    for (const name of ["a", "b", "c", "d"]) void come(name);
    await settled();
    expect(admitted).to.deep.equal(["a", "b"]);
    expect([queue.running, queue.queued]).to.deep.equal([2, 2]);
    places.get("b")?.leave();
    await settled();
    places.get("a")?.leave();
    await settled();
    expect(admitted).to.deep.equal(["a", "b", "c", "d"]);
    expect([queue.running, queue.queued]).to.deep.equal([2, 0]);
  });

  it("a place that is left twice is freed once", async () => {
    const { admitted, places, come, settled } = open();
    for (const name of ["a", "b", "c"]) void come(name);
    await settled();
    places.get("a")?.leave();
    places.get("a")?.leave();
    await settled();
    expect(admitted).to.deep.equal(["a", "b"]);
  });

  it("reports the position to each waiter, only when it changes", async () => {
    const { places, positions, stops, come, settled } = open();
    for (const name of ["a", "b", "c", "d"]) void come(name);
    await settled();
    stops.get("b")?.abort("interrupted");
    await settled();
    places.get("a")?.leave();
    await settled();
    expect(Object.fromEntries(positions)).to.deep.equal({ a: [], b: [1], c: [2, 1], d: [3, 2, 1] });
  });

  it("reports changes of a tenth far back, and every change near the front", async () => {
    const queue = new TurnQueue({ maxRunning: 1, maxQueued: 1000 });
    const runs = await queue.enter("key", new AbortController().signal, () => undefined);
    const told: number[][] = [];
    const coming = Array.from({ length: 1000 }, () => {
      const positions: number[] = [];
      told.push(positions);
      return queue.enter("key", new AbortController().signal, (position) => positions.push(position));
    });
    runs.leave();
    for (const one of coming) (await one).leave();
    const last = told.at(-1) ?? [];
    expect(last.slice(0, 3)).to.deep.equal([1000, 900, 810]);
    expect(last.slice(-19)).to.deep.equal(Array.from({ length: 19 }, (_, index) => 19 - index));
    expect(told.flat().length, "all reported positions").to.be.at.most(60_000);
  });

  it("a cancelled waiter gets the reason and leaves the queue", async () => {
    const { queue, admitted, places, refused, stops, come, settled } = open();
    for (const name of ["a", "b", "c"]) void come(name);
    stops.get("b")?.abort("timeout");
    await settled();
    expect(refused.get("b")).to.equal("timeout");
    expect(queue.queued).to.equal(1);
    places.get("a")?.leave();
    await settled();
    expect(admitted).to.deep.equal(["a", "c"]);
  });

  it("admits no waiter whose signal was already aborted", async () => {
    const { queue } = open();
    const error = await queue.enter("key", AbortSignal.abort("deleted"), () => {}).catch((reason) => reason);
    expect(error).to.equal("deleted");
    expect(queue.running).to.equal(0);
  });

  it("refuses with 503 and Retry-After when it is full", async () => {
    const { refused, come, settled } = open({ maxQueued: 1 });
    for (const name of ["a", "b", "c"]) void come(name);
    await settled();
    expect([...refused.keys()]).to.deep.equal(["c"]);
    expect(refused.get("c")).to.deep.include({
      code: "UNAVAILABLE",
      message: "the queue is full (1 turns wait); try again later",
      options: { headers: { "retry-after": "5" } },
    });
  });

  it("grants a free place even without a queue", async () => {
    const { admitted, refused, come, settled } = open({ maxQueued: 0 });
    for (const name of ["a", "b"]) void come(name);
    await settled();
    expect(admitted).to.deep.equal(["a"]);
    expect([...refused.keys()]).to.deep.equal(["b"]);
  });

  it("closing refuses waiting and new turns, but not running ones", async () => {
    const { queue, admitted, refused, come, settled } = open();
    for (const name of ["a", "b"]) void come(name);
    queue.close();
    void come("c");
    await settled();
    expect(admitted).to.deep.equal(["a"]);
    for (const name of ["b", "c"]) {
      expect(refused.get(name)).to.include({
        code: "UNAVAILABLE",
        message: "the gateway is shutting down",
      });
    }
    expect(queue.running).to.equal(1);
  });

  it("serves keys round-robin: a flood of one waits behind the others", async () => {
    const { admitted, places, come, settled } = open();
    for (const name of ["a1", "a2", "a3", "b1", "b2", "c1"]) void come(name, name[0]);
    for (let served = 0; served < 6; served++) {
      await settled();
      places.get(admitted.at(-1) ?? "")?.leave();
    }
    expect(admitted).to.deep.equal(["a1", "a2", "b1", "c1", "a3", "b2"]);
  });

  it("a key at its own limit lets others pass", async () => {
    const maxRunningOf = (keyId: string) => (keyId === "a" ? 1 : undefined);
    const { queue, admitted, come, settled } = open({ maxRunning: 3, maxRunningOf });
    for (const name of ["a1", "a2", "b1", "b2"]) void come(name, name[0]);
    await settled();
    expect(admitted).to.deep.equal(["a1", "b1", "b2"]);
    expect(queue.queued).to.equal(1);
  });

  it("re-admits a turn before others of its key, even if the queue is full or closed", async () => {
    const { queue, admitted, places, refused, come, settled } = open({ maxQueued: 1 });
    for (const name of ["a", "b"]) void come(name);
    void come("again", "key", true);
    queue.close();
    await settled();
    places.get("a")?.leave();
    await settled();
    expect(admitted).to.deep.equal(["a", "again"]);
    expect([...refused.keys()]).to.deep.equal(["b"]);
  });
});
