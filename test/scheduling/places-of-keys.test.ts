import type { KeyPlaces } from "@claudeway/ports";
import { expect } from "chai";
import { type Place, TurnQueue } from "#scheduling/queue.js";
import { TurnSlot } from "#scheduling/turn-slot.js";
import { eventually } from "../e2e/poll.js";

/** Places of keys over all nodes, as the ledger counts them. */
class Counted implements KeyPlaces {
  readonly taken = new Map<string, number>();
  most = 0;
  asked = 0;
  error: Error | undefined;

  async take(keyId: string, limit: number) {
    this.asked += 1;
    await new Promise((resolve) => setImmediate(resolve));
    if (this.error !== undefined) throw this.error;
    const taken = this.taken.get(keyId) ?? 0;
    if (taken >= limit) return undefined;
    this.taken.set(keyId, taken + 1);
    this.most = Math.max(this.most, taken + 1);
    return {
      leave: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        this.taken.set(keyId, (this.taken.get(keyId) ?? 1) - 1);
      },
    };
  }
}

describe("TurnQueue among several nodes", () => {
  const limits = {
    maxRunning: 4,
    maxQueued: 20,
    maxRunningOf: (keyId: string) => (keyId === "free" ? undefined : 2),
  };
  const enter = (queue: TurnQueue, keyId: string, signal = new AbortController().signal): Promise<Place> =>
    queue.enter(keyId, signal, () => undefined);

  it("keeps to a key's limit over all nodes, and serves each node's turns in their order", async () => {
    const keyPlaces = new Counted();
    const nodes = [new TurnQueue({ ...limits, keyPlaces }), new TurnQueue({ ...limits, keyPlaces })];
    const order: number[][] = [[], []];
    const turns = nodes.flatMap((queue, node) =>
      Array.from({ length: 6 }, async (_, turn) => {
        const place = await enter(queue, "ci");
        order[node]?.push(turn);
        await new Promise((resolve) => setTimeout(resolve, 1));
        place.leave();
        place.leave();
      }),
    );
    await Promise.all(turns);
    expect(keyPlaces.most).to.equal(2);
    expect(order).to.deep.equal([
      [0, 1, 2, 3, 4, 5],
      [0, 1, 2, 3, 4, 5],
    ]);
    await eventually("all places are given back", () => keyPlaces.taken.get("ci") === 0);
    expect(nodes.map(({ running, queued }) => running + queued)).to.deep.equal([0, 0]);
  });

  it("does not ask for keys without a limit, and lets them pass a key that is full", async () => {
    const keyPlaces = new Counted();
    keyPlaces.taken.set("ci", 2);
    const queue = new TurnQueue({ ...limits, keyPlaces });
    const waiting = enter(queue, "ci");
    for (let turn = 0; turn < 4; turn++) await enter(queue, "free");
    expect(keyPlaces.asked).to.equal(1);
    expect(queue.running).to.equal(4);
    expect(queue.queued).to.equal(1);
    queue.close();
    expect((await waiting.catch((error: unknown) => error)) instanceof Error).to.equal(true);
  });

  it("gets a place that another node gives back", async () => {
    const keyPlaces = new Counted();
    keyPlaces.taken.set("ci", 2);
    const queue = new TurnQueue({ ...limits, keyPlaces });
    const waiting = enter(queue, "ci");
    await eventually("it was refused", () => keyPlaces.asked === 1 && queue.queued === 1);
    keyPlaces.taken.set("ci", 1);
    (await waiting).leave();
    await eventually("both places are free", () => keyPlaces.taken.get("ci") === 1 && queue.running === 0);
  });

  it("gives both places back if its turn is stopped while it asks, and reports a ledger that fails", async () => {
    const keyPlaces = new Counted();
    const queue = new TurnQueue({ ...limits, keyPlaces });
    const stop = new AbortController();
    const stopped = enter(queue, "ci", stop.signal).catch((error: unknown) => error);
    stop.abort(new Error("stopped"));
    expect(String(await stopped)).to.include("stopped");
    await eventually("the place is given back", () => keyPlaces.taken.get("ci") === 0);
    keyPlaces.error = new Error("away");
    expect(String(await enter(queue, "ci").catch((error: unknown) => error))).to.include("away");
    expect(queue.running).to.equal(0);
  });

  it("gives a turn whose call is decided its place and its clock once a ledger that failed answers", async () => {
    const keyPlaces = new Counted();
    const queue = new TurnQueue({ ...limits, keyPlaces });
    let timedOut = false;
    const slot = new TurnSlot({
      queue,
      keyId: "ci",
      timeoutMs: 50,
      onTimeout: () => {
        timedOut = true;
      },
      moved: () => undefined,
      signal: new AbortController().signal,
    });
    await slot.begin(false);
    slot.suspend();
    keyPlaces.error = new Error("away");
    const resumed = slot.resume();
    await eventually("it has asked", () => keyPlaces.asked === 2 && queue.queued === 1);
    keyPlaces.error = undefined;
    await resumed;
    expect([queue.running, keyPlaces.taken.get("ci")]).to.deep.equal([1, 1]);
    await eventually("its time is over", () => timedOut);
    slot.end();
  });
});
