import type { NodeRecord } from "@claudeway/ports";
import { expect } from "chai";
import { Term } from "#cluster/term.js";
import { Watch } from "#cluster/watch.js";
import { World } from "./world.js";

describe("the term of a node", () => {
  it("lasts from when a beat was sent, however late its answer", async () => {
    const world = new World();
    const term = new Term({ node: "a", incarnation: 1 }, world.now, { fence: 20 }, world.machine());
    const sentAt = world.now + 3;
    await world.advance(10);
    term.confirmed(sentAt);
    expect(term.leftMs).to.equal(13);
    await world.advance(12);
    expect(term.fenced.aborted).to.equal(false);
    await world.advance(1);
    expect([term.fenced.aborted, term.ended]).to.deep.equal([true, "silent"]);
  });

  it("is not extended by an answer that comes after its end", async () => {
    const world = new World();
    const machine = world.machine();
    const term = new Term({ node: "a", incarnation: 1 }, world.now, { fence: 20 }, machine);
    machine.stopped = true;
    await world.advance(21);
    term.confirmed(world.now);
    expect(term.ended).to.equal("silent");
  });
});

describe("the watch over nodes", () => {
  const timing = { lease: 30, gap: 10 };

  function look(watch: Watch, at: number, beat: number, tookMs = 0) {
    const nodes = [node(beat)];
    return watch.looked({ sentAt: at, answeredAt: at + tookMs, nodes }).length;
  }

  it("counts from the answer that first showed a beat to the sending of a later look", () => {
    const watch = new Watch(timing);
    look(watch, 0, 1, 5);
    for (let at = 5; at < 35; at += 5) expect(look(watch, at, 1)).to.equal(0);
    expect(look(watch, 35, 1)).to.equal(1);
  });

  it("starts anew after a look that failed", () => {
    const watch = new Watch(timing);
    for (let at = 0; at <= 25; at += 5) look(watch, at, 1);
    watch.blind();
    for (let at = 30; at < 60; at += 5) expect(look(watch, at, 1)).to.equal(0);
    expect(look(watch, 60, 1)).to.equal(1);
  });

  it("starts anew after a look that was answered late", () => {
    const watch = new Watch(timing);
    for (let at = 0; at <= 25; at += 5) look(watch, at, 1);
    // The database was away: these were repeated until it came back.
    for (let at = 30; at <= 45; at += 5) expect(look(watch, at, 1, 60 - at)).to.equal(0);
    expect(look(watch, 60, 1)).to.equal(0);
    for (let at = 65; at < 90; at += 5) expect(look(watch, at, 1)).to.equal(0);
    expect(look(watch, 90, 1)).to.equal(1);
  });

  it("starts anew after a gap", () => {
    const watch = new Watch(timing);
    for (let at = 0; at <= 25; at += 5) look(watch, at, 1);
    for (let at = 36; at < 66; at += 5) expect(look(watch, at, 1)).to.equal(0);
    expect(look(watch, 66, 1)).to.equal(1);
  });
});

function node(beat: number): NodeRecord {
  const load = { running: 0, queued: 0, processes: 0 };
  const about = { url: "", configDigest: "", version: "1", joinedAt: "", state: "up" } as const;
  return { node: "a", incarnation: 1, beat, ...load, ...about };
}
