import {
  FencedError,
  type Ledger,
  type NewSession,
  type NewTurn,
  type NodeStart,
  type TurnRecord,
} from "@claudeway/ports";
import { expect } from "chai";
import {
  NOON,
  newFolder,
  newSession,
  newTurn,
  outcome,
  parkedForLimit,
  rejection,
  removeFolders,
  tokens,
  usageOf,
} from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const USED = usageOf("sonnet", tokens(10, 20), 0.01);
const OLD = { epoch: 1 };
const TOTALS = { answered: true, bases: [{}] };
const TASK = { id: "b1", kind: "shell", description: "sleep 60", since: NOON } as const;

/**
 * Nothing of a session is written under an epoch that was the session's once.
 *
 * @param alone whether one gateway at a time has the ledger open
 */
export function epochsContract(openLedger: OpenLedger, alone: boolean): void {
  describe("epochs", () => {
    let dataDir: string;
    let ledger: Ledger;
    let session: NewSession;
    /** Begun while node one had the session. */
    let turn: NewTurn;
    let two: NodeStart;

    beforeEach(async () => {
      dataDir = newFolder();
      ledger = await openLedger({ dataDir });
      session = newSession();
      await ledger.sessions.create(session);
      const one = await join("one");
      two = await join("two");
      await ledger.nodes.claim(one, session.id);
      turn = newTurn(session);
      await ledger.turns.begin(turn, OLD);
    });
    afterEach(async () => {
      await ledger.close();
      removeFolders();
    });

    async function join(node: string): Promise<NodeStart> {
      const joining = { node, url: `http://${node}`, configDigest: "", version: "1" };
      const { incarnation } = await ledger.nodes.join(joining);
      return { node, incarnation };
    }
    /** The session's first owner dies, and node two claims the session. Resolves to the new claim. */
    async function changeHands(): Promise<{ readonly epoch: number }> {
      await join("one");
      const claimed = await ledger.nodes.claim(two, session.id);
      if (typeof claimed === "string" || !("epoch" in claimed)) throw new Error("it was not claimed");
      return claimed;
    }
    async function fenced(write: Promise<unknown>): Promise<void> {
      const error = await rejection(write);
      expect(error).to.be.instanceOf(FencedError);
      expect(error.message).to.equal(`session ${session.id} no longer belongs to this node`);
    }
    const end = (of: NewTurn) => ledger.turns.end(of.id, outcome(of, USED), { at: NOON, cliTotals: TOTALS });
    const park = (of: NewTurn) =>
      ledger.turns.park(of.id, { at: NOON, usage: USED, model: "sonnet", parked: parkedForLimit() });

    it("let the owner write all of a turn", async () => {
      await ledger.turns.recordUsage(turn.id, USED);
      await park(turn);
      await ledger.turns.unpark(turn.id);
      await ledger.sessions.setCliTotals(session.id, TOTALS, OLD);
      await ledger.sessions.setModel(session.id, "haiku", OLD);
      await ledger.sessions.setBackground(session.id, [TASK], OLD);
      await ledger.sessions.addLost(session.id, [{ ...TASK, reason: "task" }], OLD);
      await ledger.sessions.forgetLost(session.id, [{ ...TASK, reason: "task" }], OLD);
      expect(await end(turn)).to.equal(true);
    });

    it("refuse every write of a turn whose session has changed hands, and change nothing", async () => {
      await changeHands();
      const before = [await ledger.turns.get(turn.id), await ledger.sessions.get(session.id)];
      await fenced(ledger.turns.begin(newTurn(session), OLD));
      await fenced(ledger.turns.recordUsage(turn.id, USED));
      await fenced(ledger.turns.recordUsage(turn.id, USED, { pid: 1, startTime: 1, marker: "m" }));
      await fenced(park(turn));
      await fenced(ledger.turns.adopt(turn.id, OLD));
      await fenced(end(turn));
      expect([await ledger.turns.get(turn.id), await ledger.sessions.get(session.id)]).to.deep.equal(before);
      expect((await ledger.totals.overview()).requests).to.equal(0);
    });

    it("refuse writes of a session that has changed hands, and change nothing", async () => {
      const lost = { ...TASK, reason: "task" as const };
      await ledger.sessions.addLost(session.id, [lost], OLD);
      await changeHands();
      const before = await ledger.sessions.get(session.id);
      await fenced(ledger.sessions.setCliTotals(session.id, TOTALS, OLD));
      await fenced(ledger.sessions.setModel(session.id, "haiku", OLD));
      await fenced(ledger.sessions.setBackground(session.id, [TASK], OLD));
      await fenced(ledger.sessions.addLost(session.id, [lost], OLD));
      await fenced(ledger.sessions.forgetLost(session.id, [lost], OLD));
      expect(await ledger.sessions.get(session.id)).to.deep.equal(before);
      expect(await ledger.sessions.lost(session.id)).to.deep.equal([lost]);
    });

    it("accept no missing claim of a session that was ever claimed", async () => {
      await fenced(ledger.turns.begin(newTurn(session), { epoch: 0 }));
    });

    it("refuse the writes of a session that is free, too", async () => {
      await join("one");
      await fenced(ledger.turns.begin(newTurn(session), OLD));
      await fenced(end(turn));
    });

    it("let one end of a turn count: the old owner's, or that of whoever finds the turn lost", async () => {
      await changeHands();
      const loss = { at: NOON, respond: ({ usage }: TurnRecord) => outcome(turn, usage).response };
      const lost = await ledger.turns.markLost(turn.id, { ...loss, usage: USED });
      expect(lost?.ended?.end).to.equal("lost");
      expect(lost?.usage).to.deep.include({ tokens: tokens(10, 20), costUsd: 0.01, estimated: true });
      // It has ended: the old owner learns so, and gives the recorded end as its answer.
      expect(await end(turn)).to.equal(false);
      expect(await ledger.turns.markLost(turn.id, loss)).to.equal(undefined);
      await ledger.turns.recordUsage(turn.id, usageOf("sonnet", tokens(99), 9));
      expect((await ledger.turns.get(turn.id))?.usage).to.deep.equal(lost?.usage);
      expect(await ledger.totals.overview()).to.deep.include({ requests: 1, costUsd: 0.01 });
    });

    it("let a new owner adopt a parked turn, and end it", async () => {
      await park(turn);
      const claim = await changeHands();
      await fenced(ledger.turns.unpark(turn.id));
      await fenced(end(turn));
      await ledger.turns.adopt(turn.id, claim);
      await ledger.turns.unpark(turn.id);
      expect((await ledger.turns.running(two)).map(({ id }) => id)).to.deep.equal([turn.id]);
      expect(await end(turn)).to.equal(true);
    });

    it("begin at nothing for one gateway that has the ledger alone, and never come back", async function () {
      if (!alone) this.skip();
      const before = await changeHands();
      await ledger.close();
      ledger = await openLedger({ dataDir });
      expect(await ledger.nodes.list()).to.deep.equal([]);
      expect((await ledger.nodes.lostTurns()).map(({ id }) => id)).to.deep.equal([turn.id]);
      const next = newTurn(session);
      await ledger.turns.begin(next, { epoch: 0 });
      expect(await end(next)).to.equal(true);
      const claimed = await ledger.nodes.claim(await join("three"), session.id);
      expect(claimed).to.deep.equal({ epoch: before.epoch + 1, left: true });
    });
  });
}
