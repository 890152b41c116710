import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Exchange } from "@claudeway/ports";
import { expect } from "chai";
import { LEASE_SECS, TestCluster, type TestNode } from "./cluster-kit.js";
import { settle } from "./world.js";

const BEAT = LEASE_SECS * 100;

describe("sessions of a node", () => {
  let test: TestCluster;
  let a: TestNode;
  let b: TestNode;

  beforeEach(async () => {
    test = new TestCluster();
    const [first, second] = await test.joined("a", "b");
    if (first === undefined || second === undefined) throw new Error("no nodes");
    [a, b] = [first, second];
  });

  async function claimed(node: TestNode, id: string) {
    const place = await node.cluster.ownership.claim(id);
    if (place.at !== "here") throw new Error(`session ${id} is ${place.at}`);
    return place.claim;
  }

  it("are claimed once for requests at the same time", async () => {
    const id = test.session("s");
    const [one, two] = await Promise.all([claimed(a, id), claimed(a, id)]);
    expect(one).to.equal(two);
    expect(await a.cluster.ownership.find(id)).to.deep.include({ at: "here" });
  });

  it("go to one of two nodes that claim at the same time", async () => {
    const id = test.session("s");
    const places = await Promise.all([a.cluster.ownership.claim(id), b.cluster.ownership.claim(id)]);
    expect(places.map(({ at }) => at).sort()).to.deep.equal(["elsewhere", "here"]);
  });

  it("are freed when nothing of them is here any more, and kept while they are busy", async () => {
    const busy = await claimed(a, test.session("busy"));
    const idle = await claimed(a, test.session("idle"));
    a.work.busy.add("busy");
    await test.world.advance(8 * BEAT);
    expect(idle.lost.aborted).to.equal(true);
    expect(busy.lost.aborted).to.equal(false);
    expect(a.cluster.ownership.held("idle")).to.equal(undefined);
    expect((await claimed(b, "idle")).epoch).to.be.greaterThan(idle.epoch);
    expect(await b.cluster.ownership.claim("busy")).to.deep.include({ at: "elsewhere" });
  });

  it("are kept while their conversation is not saved", async () => {
    const claim = await claimed(a, test.session("s"));
    a.work.unsaved.add("s");
    await test.world.advance(20 * BEAT);
    expect(claim.lost.aborted).to.equal(false);
    a.work.unsaved.clear();
    await test.world.advance(2 * BEAT);
    expect(claim.lost.aborted).to.equal(true);
  });

  it("are kept while requests ask for them", async () => {
    const claim = await claimed(a, test.session("s"));
    for (let round = 0; round < 10; round++) {
      await test.world.advance(3 * BEAT);
      expect(await claimed(a, "s")).to.equal(claim);
    }
  });

  it("are claimed anew where the database did not free them", async () => {
    const claim = await claimed(a, test.session("s"));
    a.book.fault = "rejects";
    await a.cluster.ownership.release(claim);
    expect(claim.lost.aborted).to.equal(true);
    a.book.fault = undefined;
    expect((await claimed(a, "s")).epoch).to.equal(claim.epoch);
  });

  it("wait for their release before they are claimed again", async () => {
    const claim = await claimed(a, test.session("s"));
    const release = a.book.release.bind(a.book);
    a.book.release = async (...args) => {
      await settle();
      return release(...args);
    };
    const releasing = a.cluster.ownership.release(claim);
    const again = await claimed(a, "s");
    await releasing;
    expect(again.epoch).to.be.greaterThan(claim.epoch);
    expect(again.lost.aborted).to.equal(false);
  });

  it("are elsewhere while pinned to a living node, and away without it", async () => {
    test.session("s", "b");
    await test.world.advance(2 * BEAT);
    expect(await a.cluster.ownership.claim("s")).to.deep.equal({
      at: "elsewhere",
      node: { node: "b", incarnation: 2, url: "http://b:3000" },
    });
    await b.cluster.leave();
    await test.world.advance(2 * BEAT);
    expect(await a.cluster.ownership.claim("s")).to.deep.equal({ at: "away", node: "b" });
  });

  it("are kept by a node that drains, which takes no others", async () => {
    await test.world.advance(2 * BEAT);
    const kept = await claimed(a, test.session("kept"));
    a.work.busy.add("kept");
    test.session("free");
    a.cluster.drain();
    expect(await claimed(a, "kept")).to.equal(kept);
    expect(await a.cluster.ownership.claim("free")).to.deep.include({ at: "elsewhere" });
    await b.cluster.leave();
    await test.world.advance(2 * BEAT);
    const refused = await a.cluster.ownership.claim("free").catch((error: unknown) => error);
    expect(refused).to.deep.include({ code: "UNAVAILABLE" });
  });

  it("are freed by a node that drains as soon as their turn has ended", async () => {
    const claim = await claimed(a, test.session("s"));
    a.work.busy.add("s");
    a.cluster.drain();
    await test.world.advance(1000);
    expect(claim.lost.aborted).to.equal(false);
    a.work.busy.clear();
    await test.world.advance(200);
    expect(claim.lost.aborted).to.equal(true);
    expect(a.work.letGone).to.deep.equal(["s"]);
    expect(await b.cluster.ownership.claim("s")).to.deep.include({ at: "here" });
  });

  it("are lost when the database says that the node was buried", async () => {
    const claim = await claimed(a, test.session("s"));
    test.shared.nodes.set("a", { ...test.record("a"), state: "dead" });
    await a.cluster.ownership.claim(test.session("other")).catch(() => undefined);
    expect(claim.lost.aborted).to.equal(true);
    expect(a.work.stops).to.equal(1);
  });

  it("of a one-shot task are held from their creation", async () => {
    const claim = a.cluster.ownership.created("task", a.cluster.ownership.owner);
    expect(claim.epoch).to.equal(0);
    expect(a.cluster.ownership.held("task")).to.equal(claim);
  });

  it("that was created in an earlier term are not held", async () => {
    const { owner } = a.cluster.ownership;
    test.shared.nodes.set("a", { ...test.record("a"), state: "dead" });
    await test.world.advance(3 * BEAT);
    expect(a.cluster.condition).to.equal("up");
    expect(a.cluster.ownership.created("task", owner).lost.aborted).to.equal(true);
    expect(a.cluster.ownership.held("task")).to.equal(undefined);
  });

  it("are kept while a request that may change them is answered, also by a node that drains", async () => {
    const id = test.session("0b0e1b5e-2f1c-4f0e-9d5a-0123456789ab");
    let end: () => void = () => undefined;
    const uploaded = new Promise<void>((resolve) => {
      end = resolve;
    });
    const answered = a.cluster.passing.answer(requestTo("POST", `/session/${id}`), () => uploaded);
    await test.world.advance(20 * BEAT);
    const claim = a.cluster.ownership.held(id);
    expect(claim?.lost.aborted).to.equal(false);
    a.cluster.drain();
    await test.world.advance(BEAT);
    expect(claim?.lost.aborted).to.equal(false);
    end();
    await answered;
    await test.world.advance(BEAT);
    expect(claim?.lost.aborted).to.equal(true);
  });

  it("are freed although a client reads something of them", async () => {
    const id = test.session("0b0e1b5e-2f1c-4f0e-9d5a-0123456789ab");
    void a.cluster.passing.answer(
      requestTo("GET", `/session/${id}/events`),
      () => new Promise(() => undefined),
    );
    await test.world.advance(20 * BEAT);
    expect(a.cluster.ownership.held(id)).to.equal(undefined);
  });

  it("are saved before their node leaves", async () => {
    await claimed(a, test.session("s"));
    const leave = a.book.leave.bind(a.book);
    let saved: readonly string[] = [];
    a.book.leave = (of) => {
      saved = [...a.work.letGone];
      return leave(of);
    };
    await a.cluster.leave();
    expect(saved).to.deep.equal(["s"]);
  });
});

function requestTo(method: string, url: string): Exchange {
  const request = Object.assign(new IncomingMessage(new Socket()), { method, url });
  return {
    request,
    response: new ServerResponse(request),
    requestId: "r",
    clientAddress: "::1",
    caller: { keyId: "k", admin: false },
    passed: false,
    body: () => undefined,
    passedTo: () => undefined,
  };
}
