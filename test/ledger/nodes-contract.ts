import {
  FencedError,
  type Ledger,
  type NewOwner,
  type NewSession,
  type NewTurn,
  type NodeStart,
} from "@claudeway/ports";
import { expect } from "chai";
import {
  NOON,
  newApproval,
  newFolder,
  newSession,
  newTurn,
  outcome,
  parkedFor,
  parkedForLimit,
  rejection,
  removeFolders,
  tokens,
  usageOf,
} from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const IDLE = { running: 0, queued: 0, processes: 0 };
const USED = usageOf("sonnet", tokens(10, 20), 0.01);
const TASK = { id: "b1", kind: "shell", description: "sleep 60", since: NOON } as const;
const PARKING = { at: NOON, usage: USED, model: "sonnet" };

export function nodesContract(openLedger: OpenLedger): void {
  describe("nodes", () => {
    let ledger: Ledger;
    let one: NodeStart;
    let two: NodeStart;

    beforeEach(async () => {
      ledger = await openLedger({ dataDir: newFolder() });
      one = startOf(await join("one"));
      two = startOf(await join("two"));
    });
    afterEach(async () => {
      await ledger.close();
      removeFolders();
    });

    const join = (node: string) =>
      ledger.nodes.join({ node, url: `http://${node}:3000`, configDigest: "abc", version: "1.2.3" });
    const startOf = ({ node, incarnation }: NodeStart): NodeStart => ({ node, incarnation });
    const address = (of: NodeStart) => ({ ...of, url: `http://${of.node}:3000` });
    async function session(at?: NewOwner): Promise<NewSession> {
      const made = newSession();
      await ledger.sessions.create(made, at);
      return made;
    }
    async function begun(of: NewSession, epoch = 0): Promise<NewTurn> {
      const turn = newTurn(of);
      await ledger.turns.begin(turn, { epoch });
      return turn;
    }
    async function beatOf(of: NodeStart): Promise<number> {
      const found = (await ledger.nodes.list()).find(({ node }) => node === of.node);
      return found?.beat ?? -1;
    }
    const bury = async (of: NodeStart) => ledger.nodes.bury({ ...of, beat: await beatOf(of) });

    it("lists the starts that joined, by name, with what they last said", async () => {
      expect(two.incarnation).to.be.greaterThan(one.incarnation);
      expect(
        await ledger.nodes.beat(two, { running: 3, queued: 2, processes: 4 }, "draining", "abc"),
      ).to.equal(true);
      const [first, second] = await ledger.nodes.list();
      expect(first).to.deep.include({ ...address(one), beat: 0, state: "up", configDigest: "abc", ...IDLE });
      expect(second).to.deep.include({ beat: 1, state: "draining", running: 3, queued: 2, processes: 4 });
      expect(second?.version).to.equal("1.2.3");
      expect(Math.abs(Date.parse(first?.joinedAt ?? "") - Date.now())).to.be.lessThan(60_000);
    });

    it("replaces an earlier start of a node, which loses its sessions and beats no more", async () => {
      const { id } = await session();
      expect(await ledger.nodes.claim(one, id)).to.deep.equal({ epoch: 1 });
      const again = await join("one");
      expect(again.incarnation).to.be.greaterThan(two.incarnation);
      expect(again.afterCrash).to.equal(true);
      expect(await ledger.nodes.beat(one, IDLE, "up", "abc")).to.equal(false);
      expect(await ledger.nodes.claim(one, id)).to.equal("fenced");
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ epoch: 3 });
      expect(await ledger.nodes.list()).to.have.length(2);
    });

    it("gives a free session to the first that claims it, and tells the others who has it", async () => {
      const { id } = await session();
      expect(await ledger.nodes.owner(id)).to.equal(undefined);
      expect(await ledger.nodes.claim(one, id)).to.deep.equal({ epoch: 1 });
      expect(await ledger.nodes.claim(one, id)).to.deep.equal({ epoch: 1 });
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ owner: address(one) });
      expect(await ledger.nodes.owner(id)).to.deep.equal(address(one));
      expect(await ledger.nodes.claim(one, "missing")).to.equal("unknown session");
      expect(await ledger.nodes.owner("missing")).to.equal(undefined);
    });

    it("gives a session to one of many that claim it at once", async () => {
      const starts = [one, two, await join("three"), await join("four")];
      for (let round = 0; round < 5; round++) {
        const { id } = await session();
        const outcomes = await Promise.all(starts.map((start) => ledger.nodes.claim(start, id)));
        expect(outcomes.filter((got) => typeof got === "object" && "epoch" in got)).to.deep.equal([
          { epoch: 1 },
        ]);
      }
    });

    it("releases a session under its own epoch only, and raises the epoch", async () => {
      const { id } = await session();
      await ledger.nodes.claim(one, id);
      expect(await ledger.nodes.release(two, id, 1)).to.equal(false);
      expect(await ledger.nodes.release(one, id, 0)).to.equal(false);
      expect(await ledger.nodes.release(one, id, 1)).to.equal(true);
      expect(await ledger.nodes.release(one, id, 1)).to.equal(false);
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ epoch: 3 });
    });

    it("creates a session as a living start's own, and none for a start that is dead", async () => {
      const { id } = await session({ owner: one });
      expect(await ledger.nodes.owner(id)).to.deep.equal(address(one));
      expect(await ledger.nodes.claim(one, id)).to.deep.equal({ epoch: 0 });
      await bury(one);
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ epoch: 2 });
      const late = newSession();
      expect(await rejection(ledger.sessions.create(late, { owner: one }))).to.be.instanceOf(FencedError);
      expect(await ledger.sessions.get(late.id)).to.equal(undefined);
    });

    it("keeps a session whose files are on one node from the others, also when that node is dead", async () => {
      const { id } = await session({ owner: one, pinnedTo: "one" });
      await ledger.nodes.release(one, id, 0);
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ pinnedTo: "one" });
      expect(await ledger.nodes.claim(one, id)).to.deep.equal({ epoch: 2 });
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ owner: address(one) });
      await bury(one);
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ pinnedTo: "one" });
    });

    it("buries a start whose counter stands, once, and frees its sessions", async () => {
      const { id } = await session();
      const kept = await session();
      await ledger.nodes.claim(one, id);
      await ledger.nodes.claim(two, kept.id);
      expect(await ledger.nodes.bury({ ...one, beat: 0 })).to.equal(true);
      expect(await ledger.nodes.bury({ ...one, beat: 0 })).to.equal(false);
      expect(await ledger.nodes.beat(one, IDLE, "up", "abc")).to.equal(false);
      expect(await ledger.nodes.claim(one, kept.id)).to.equal("fenced");
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ epoch: 3 });
      expect(await ledger.nodes.claim(two, kept.id)).to.deep.equal({ epoch: 1 });
      expect((await ledger.nodes.list()).map(({ state }) => state)).to.deep.equal(["dead", "up"]);
    });

    it("does not bury a start that has beaten since, or a later one", async () => {
      const { id } = await session();
      await ledger.nodes.claim(one, id);
      await ledger.nodes.beat(one, IDLE, "up", "abc");
      expect(await ledger.nodes.bury({ ...one, beat: 0 })).to.equal(false);
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ owner: address(one) });
      await join("one");
      expect(await ledger.nodes.bury({ ...one, beat: 1 })).to.equal(false);
    });

    it("frees the sessions of a start that leaves", async () => {
      const { id } = await session();
      await ledger.nodes.claim(one, id);
      await ledger.nodes.leave(one);
      expect(await ledger.nodes.claim(two, id)).to.deep.equal({ epoch: 3 });
      expect((await ledger.nodes.list()).map(({ state }) => state)).to.deep.equal(["left", "up"]);
      expect(await ledger.nodes.bury({ ...one, beat: 0 })).to.equal(false);
      expect((await join("one")).afterCrash).to.equal(false);
    });

    it("finds open turns whose start does not live, but no parked ones", async () => {
      const [mine, others, free] = [await session(), await session(), await session()];
      await ledger.nodes.claim(one, mine.id);
      await ledger.nodes.claim(two, others.id);
      const turn = await begun(mine, 1);
      const parked = await begun(mine, 1);
      await park(parked);
      const ended = await begun(mine, 1);
      await begun(others, 1);
      const orphan = await begun(free);
      await ledger.turns.end(ended.id, outcome(ended, USED), { at: NOON });
      const lost = async () => (await ledger.nodes.lostTurns()).map(({ id }) => id);
      expect(await lost()).to.deep.equal([orphan.id]);
      await bury(one);
      expect(await lost()).to.deep.equal([turn.id, orphan.id]);
      await join("one");
      expect(await lost()).to.deep.equal([turn.id, orphan.id]);
    });

    it("finds parked turns that may go on here: of free sessions or own ones, and settled", async () => {
      const [mine, others, free, pinned] = [
        await session(),
        await session(),
        await session(),
        await session({ owner: two, pinnedTo: "two" }),
      ];
      await ledger.nodes.claim(one, mine.id);
      await ledger.nodes.claim(two, others.id);
      const parked = [];
      for (const of of [mine, others, free, pinned]) {
        const turn = await begun(of, of === mine || of === others ? 1 : 0);
        parked.push(turn);
        await park(turn);
      }
      const [ofMine, ofOthers, ofFree, ofPinned] = parked.map(({ id }) => id);
      const resumable = async (by: NodeStart) => (await ledger.nodes.resumable(by)).map(({ id }) => id);
      expect(await resumable(one)).to.deep.equal([]);
      await ledger.nodes.release(two, pinned.id, 0);
      for (const turn of parked) await ledger.approvals.settle(approvalOf(turn), "denied");
      expect(await resumable(one)).to.deep.equal([ofMine, ofFree]);
      expect(await resumable(two)).to.deep.equal([ofOthers, ofFree, ofPinned]);
      await bury(two);
      expect(await resumable(one)).to.deep.equal([ofMine, ofOthers, ofFree]);
    });

    it("finds turns that wait for a usage limit", async () => {
      const of = await session();
      const turn = await begun(of);
      await ledger.turns.park(turn.id, { ...PARKING, parked: parkedForLimit() });
      expect((await ledger.nodes.resumable(one)).map(({ id }) => id)).to.deep.equal([turn.id]);
    });

    it("says who claims a session that its last owner left open turns or background work", async () => {
      const [busy, working, idle] = [await session(), await session(), await session()];
      for (const { id } of [busy, working, idle]) await ledger.nodes.claim(one, id);
      await begun(busy, 1);
      await ledger.sessions.setBackground(working.id, [TASK], { epoch: 1 });
      await bury(one);
      expect(await ledger.nodes.claim(two, busy.id)).to.deep.equal({ epoch: 3, left: true });
      expect(await ledger.nodes.claim(two, working.id)).to.deep.equal({ epoch: 3, left: true });
      expect(await ledger.nodes.claim(two, idle.id)).to.deep.equal({ epoch: 3 });
      expect((await ledger.nodes.lostTurns(busy.id)).map(({ sessionId }) => sessionId)).to.deep.equal([
        busy.id,
      ]);
      expect(await ledger.nodes.lostTurns(idle.id)).to.deep.equal([]);
      expect(await ledger.sessions.loseBackground()).to.deep.equal([]);
      const lost = [{ ...TASK, reason: "restart" }];
      expect(await ledger.sessions.loseBackground(working.id)).to.deep.equal([{ id: working.id, lost }]);
      expect(await ledger.sessions.lost(working.id)).to.deep.equal(lost);
    });

    it("says so again until it is recorded, and not of what the owner itself runs", async () => {
      const [busy, working] = [await session(), await session()];
      for (const { id } of [busy, working]) await ledger.nodes.claim(one, id);
      const turn = await begun(busy, 1);
      expect(await ledger.nodes.claim(one, busy.id)).to.deep.equal({ epoch: 1 });
      await ledger.sessions.setBackground(working.id, [TASK], { epoch: 1 });
      await bury(one);
      for (let round = 0; round < 2; round++)
        for (const { id } of [busy, working])
          expect(await ledger.nodes.claim(two, id)).to.deep.equal({ epoch: 3, left: true });
      await ledger.sessions.loseBackground(working.id);
      await ledger.turns.markLost(turn.id, {
        at: NOON,
        respond: ({ usage }) => outcome(turn, usage).response,
      });
      for (const { id } of [busy, working])
        expect(await ledger.nodes.claim(two, id)).to.deep.equal({ epoch: 3 });
    });

    it("finds a turn whose session its living node has given up", async () => {
      const of = await session();
      await ledger.nodes.claim(one, of.id);
      const turn = await begun(of, 1);
      expect(await ledger.nodes.lostTurns(of.id)).to.deep.equal([]);
      await ledger.nodes.release(one, of.id, 1);
      expect(await ledger.nodes.claim(two, of.id)).to.deep.equal({ epoch: 3, left: true });
      expect((await ledger.nodes.lostTurns(of.id)).map(({ id }) => id)).to.deep.equal([turn.id]);
    });

    it("keeps what background work of an ended turn asks while the node that began it has the session", async () => {
      const [ended, lost] = [await session(), await session()];
      for (const of of [ended, lost]) {
        await ledger.nodes.claim(one, of.id);
        const turn = await begun(of, 1);
        await ledger.approvals.ask(newApproval(turn));
        const how = of === lost ? ({ end: "lost" } as const) : {};
        await ledger.turns.end(turn.id, outcome(turn, USED, how), { at: NOON });
      }
      const left = async () =>
        (await ledger.approvals.pending("ended turns")).map(({ sessionId }) => sessionId);
      expect(await left()).to.deep.equal([lost.id]);
      await bury(one);
      expect(await left()).to.have.members([ended.id, lost.id]);
      await ledger.nodes.claim(two, ended.id);
      expect(await left()).to.have.members([ended.id, lost.id]);
    });

    it("loses the background work of sessions that no living node has", async () => {
      const [mine, free] = [await session(), await session()];
      for (const { id } of [mine, free]) {
        await ledger.nodes.claim(one, id);
        await ledger.sessions.setBackground(id, [TASK], { epoch: 1 });
      }
      await ledger.nodes.release(one, free.id, 1);
      expect((await ledger.sessions.loseBackground()).map(({ id }) => id)).to.deep.equal([free.id]);
      await bury(one);
      expect((await ledger.sessions.loseBackground()).map(({ id }) => id)).to.deep.equal([mine.id]);
    });

    it("lists the running turns of one start", async () => {
      const [mine, others] = [await session(), await session()];
      await ledger.nodes.claim(one, mine.id);
      await ledger.nodes.claim(two, others.id);
      const turn = await begun(mine, 1);
      await begun(others, 1);
      const running = (of?: NodeStart) => ledger.turns.running(of).then((turns) => turns.map(({ id }) => id));
      expect(await running()).to.have.length(2);
      expect(await running(one)).to.deep.equal([turn.id]);
      expect(await running({ ...one, incarnation: one.incarnation + 9 })).to.deep.equal([]);
    });

    it("lists the turns that one node ended last", async () => {
      const [mine, others] = [await session(), await session()];
      await ledger.nodes.claim(one, mine.id);
      await ledger.nodes.claim(two, others.id);
      const [early, late] = [await begun(mine, 1), await begun(others, 1)];
      await ledger.turns.end(early.id, outcome(early, USED), { at: NOON });
      await ledger.turns.end(late.id, outcome(late, USED), { at: "2026-03-12T13:00:00.000Z" });
      const last = (node?: string) =>
        ledger.turns.endedLast(1000, node).then((turns) => turns.map(({ id }) => id));
      expect(await last()).to.deep.equal([late.id]);
      expect(await last("one")).to.deep.equal([early.id]);
    });

    it("counts the work of each node, and the sessions that it took over", async () => {
      const [first, second] = [await session({ owner: one }), await session({ owner: two })];
      const asking = await begun(first);
      await ledger.approvals.ask(newApproval(asking));
      const parked = await begun(second);
      await ledger.turns.park(parked.id, { ...PARKING, parked: parkedForLimit() });
      // One session goes from one node to the other.
      const third = await session({ owner: one });
      const ended = await begun(third);
      await ledger.turns.end(ended.id, outcome(ended, USED), { at: NOON });
      await ledger.nodes.release(one, third.id, 0);
      const claimed = await ledger.nodes.claim(two, third.id);
      if (typeof claimed !== "object" || !("epoch" in claimed)) throw new Error("not claimed");
      await begun(third, claimed.epoch);
      const work = await ledger.nodes.workload("2026-03-01T00:00:00.000Z");
      expect(work).to.deep.equal([
        { node: "one", sessions: 1, waiting: 1, parked: 0, takenOver: 0 },
        { node: "two", sessions: 2, waiting: 0, parked: 1, takenOver: 1 },
      ]);
      expect((await ledger.nodes.workload("2026-04-01T00:00:00.000Z"))[1]).to.include({ takenOver: 0 });
    });

    it("keeps the first secret of a name", async () => {
      const made = Buffer.from([0, 1, 254, 255]);
      expect((await ledger.nodes.secret("links", made)).equals(made)).to.equal(true);
      expect((await ledger.nodes.secret("links", Buffer.from("x"))).equals(made)).to.equal(true);
      expect((await ledger.nodes.secret("login", Buffer.from("x"))).toString()).to.equal("x");
    });

    it("gives the lead to one start until it gives it up, leaves or is dead", async () => {
      expect(await ledger.nodes.lead(one, "telegram")).to.equal(true);
      expect(await ledger.nodes.lead(one, "telegram")).to.equal(true);
      expect(await ledger.nodes.lead(two, "telegram")).to.equal(false);
      expect(await ledger.nodes.lead(two, "tunnel")).to.equal(true);
      await ledger.nodes.unlead(two, "telegram");
      expect(await ledger.nodes.lead(two, "telegram")).to.equal(false);
      await ledger.nodes.unlead(one, "telegram");
      expect(await ledger.nodes.lead(two, "telegram")).to.equal(true);
      await bury(two);
      expect(await ledger.nodes.lead(two, "telegram")).to.equal(false);
      expect(await ledger.nodes.lead(one, "telegram")).to.equal(true);
      await ledger.nodes.leave(one);
      const three = await join("three");
      expect(await ledger.nodes.lead(one, "telegram")).to.equal(false);
      expect(await ledger.nodes.lead(three, "telegram")).to.equal(true);
    });

    const approvalOf = (turn: NewTurn) => `approval of ${turn.id}`;
    async function park(turn: NewTurn): Promise<void> {
      const approval = newApproval(turn, { id: approvalOf(turn) });
      await ledger.approvals.ask(approval);
      await ledger.turns.park(turn.id, { ...PARKING, parked: parkedFor(approval) });
    }
  });
}
