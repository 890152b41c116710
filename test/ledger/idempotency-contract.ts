import { type IdempotencyClaim, type Ledger, NotBegun } from "@claudeway/ports";
import { expect } from "chai";
import { NOON, newFolder, newSession, newTurn, outcome, removeFolders, tokens, usageOf } from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

/**
 * @param age makes all claims older, by another way to the database
 * @param alone whether one gateway at a time has the ledger open
 */
export function idempotencyContract(
  openLedger: OpenLedger,
  age: (dataDir: string, ms: number) => Promise<void>,
  alone: boolean,
): void {
  describe("idempotency", () => {
    let folder: string;
    let ledger: Ledger;

    beforeEach(async () => {
      folder = newFolder();
      ledger = await openLedger({ dataDir: folder });
    });
    afterEach(async () => {
      await ledger.close();
      removeFolders();
    });

    const claim = (values: Partial<IdempotencyClaim> = {}): IdempotencyClaim => ({
      keyId: "ci",
      route: "POST /task",
      idempotencyKey: "one",
      bodyHash: "h1",
      turnId: "t1",
      ...values,
    });

    async function begin(id: string): Promise<void> {
      const session = newSession();
      await ledger.sessions.create(session);
      await ledger.turns.begin(newTurn(session, { id }), { epoch: 0 });
    }

    it("returns the turn to the same request, and a conflict to another body", async () => {
      expect(await ledger.idempotency.claim(claim())).to.equal("new");
      expect(await ledger.idempotency.claim(claim({ turnId: "t2" }))).to.deep.equal({ turnId: "t1" });
      expect(await ledger.idempotency.claim(claim({ turnId: "t2", bodyHash: "h2" }))).to.equal("conflict");
    });

    it("gives the claimant its own key once more, if it does not begin the turn and never has", async () => {
      const never = () => false;
      const node = { node: "one", url: "http://one", configDigest: "", version: "1" };
      const { afterCrash: _, ...start } = await ledger.nodes.join(node);
      for (const by of [undefined, start]) {
        const [first, next] = [`first of ${by?.node}`, `next of ${by?.node}`];
        const of = (turnId: string) => claim({ idempotencyKey: `${by?.node}`, turnId });
        await ledger.idempotency.claim(of(first), by);
        expect(await ledger.idempotency.claim(of(next), by, (id) => id === first)).to.include({
          turnId: first,
        });
        expect(await ledger.idempotency.claim(of(next), by, never)).to.equal("new");
        await begin(next);
        expect(await ledger.idempotency.claim(of(first), by, never)).to.include({ turnId: next });
      }
    });

    it("distinguishes keys, routes and idempotency keys", async () => {
      for (const other of [{}, { keyId: "admin" }, { route: "POST /session/1" }, { idempotencyKey: "two" }]) {
        expect(await ledger.idempotency.claim(claim(other))).to.equal("new");
      }
    });

    it("holds for 24 h by the clock of the database, also over a restart", async () => {
      await begin("t1");
      await ledger.idempotency.claim(claim());
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
      await age(folder, 24 * 3600_000 - 60_000);
      expect(await ledger.idempotency.claim(claim({ turnId: "t2" }))).to.deep.equal({ turnId: "t1" });
      await age(folder, 60_000);
      expect(await ledger.idempotency.claim(claim({ turnId: "t2" }))).to.equal("new");
    });

    it("releases a claim, but only its own", async () => {
      await ledger.idempotency.claim(claim());
      await ledger.idempotency.release(claim({ turnId: "t2" }));
      expect(await ledger.idempotency.claim(claim({ turnId: "t3" }))).to.deep.equal({ turnId: "t1" });
      await ledger.idempotency.release(claim());
      expect(await ledger.idempotency.claim(claim({ turnId: "t3", bodyHash: "h2" }))).to.equal("new");
    });

    it("keeps a claim whose turn has begun, unless it was refused", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const turn = newTurn(session, { id: "t1" });
      await ledger.turns.begin(turn, { epoch: 0 });
      const usage = usageOf("sonnet", tokens(), 0);
      await ledger.idempotency.claim(claim());
      await ledger.idempotency.release(claim());
      expect(await ledger.idempotency.claim(claim({ turnId: "t2" })), "it runs").to.deep.equal({
        turnId: "t1",
      });
      await ledger.turns.end("t1", outcome(turn, usage, { end: "refused" }), { at: NOON });
      await ledger.idempotency.release(claim());
      expect(await ledger.idempotency.claim(claim({ turnId: "t2" }))).to.equal("new");
    });

    it("gives the key of a refused turn away, though it was never released, and leaves it to the next one", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const turn = newTurn(session, { id: "t1" });
      await ledger.idempotency.claim(claim());
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.idempotency.claim(claim({ idempotencyKey: "two", turnId: "t2" }));
      await ledger.turns.end("t1", outcome(turn, usageOf("sonnet", tokens(), 0), { end: "refused" }), {
        at: NOON,
      });
      expect(await ledger.idempotency.claim(claim({ turnId: "t3", bodyHash: "h2" }))).to.equal("new");
      await ledger.idempotency.release(claim());
      expect(await ledger.idempotency.claim(claim({ turnId: "t4", bodyHash: "h2" }))).to.deep.equal({
        turnId: "t3",
      });
      expect(await ledger.idempotency.claim(claim({ idempotencyKey: "two", turnId: "t5" }))).to.deep.equal({
        turnId: "t2",
      });
    });

    it("forgets a claim whose turn had not begun when the gateway was killed", async function () {
      // Among many gateways, it goes with the start of the node that made it.
      if (!alone) this.skip();
      await begin("t1");
      await ledger.idempotency.claim(claim());
      await ledger.idempotency.claim(claim({ idempotencyKey: "two", turnId: "t2" }));
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
      expect(await ledger.idempotency.claim(claim({ turnId: "t3" }))).to.deep.equal({ turnId: "t1" });
      expect(await ledger.idempotency.claim(claim({ idempotencyKey: "two", turnId: "t4" }))).to.equal("new");
    });

    it("lets a turn begin under its own claim, and not once the key is another turn's", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const [first, second] = [newTurn(session), newTurn(session)];
      const join = (node: string) =>
        ledger.nodes.join({ node, url: `http://${node}`, configDigest: "", version: "1" });
      const { afterCrash: _, ...one } = await join("one");
      const { afterCrash: __, ...two } = await join("two");
      await ledger.idempotency.claim(claim({ turnId: first.id }), one);
      await ledger.nodes.bury({ ...one, beat: 0 });
      // The node is back under a new start, and its request goes on; the repetition came to the other one.
      expect(await ledger.idempotency.claim(claim({ turnId: second.id }), two)).to.equal("new");
      const late = await ledger.turns
        .begin(first, { epoch: 0 }, claim({ turnId: first.id }))
        .catch((error: unknown) => error);
      expect(late).to.be.instanceOf(NotBegun);
      expect(await ledger.turns.get(first.id)).to.equal(undefined);
      expect((await ledger.sessions.get(session.id))?.taskCount).to.equal(0);
      await ledger.turns.begin(second, { epoch: 0 }, claim({ turnId: second.id }));
      expect(await ledger.turns.get(second.id)).to.have.property("id", second.id);
    });

    it("lets one turn begin where a dead node's begins while its key is claimed anew", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const join = (node: string) =>
        ledger.nodes.join({ node, url: `http://${node}`, configDigest: "", version: "1" });
      const { afterCrash: _, ...two } = await join("two");
      for (let round = 0; round < 20; round++) {
        const { afterCrash: __, ...one } = await join("one");
        const [first, second] = [newTurn(session), newTurn(session)];
        const key = { idempotencyKey: `round ${round}` };
        await ledger.idempotency.claim(claim({ ...key, turnId: first.id }), one);
        await ledger.nodes.bury({ ...one, beat: 0 });
        const [begun, claimed] = await Promise.all([
          ledger.turns.begin(first, { epoch: 0 }, claim({ ...key, turnId: first.id })).then(
            () => true,
            () => false,
          ),
          ledger.idempotency.claim(claim({ ...key, turnId: second.id }), two),
        ]);
        expect(claimed).to.deep.equal(begun ? { turnId: first.id, by: one } : "new");
      }
    });

    it("tells which start of a node claimed, and forgets what that had not begun once it is dead", async () => {
      const join = (node: string) =>
        ledger.nodes.join({ node, url: `http://${node}`, configDigest: "", version: "1" });
      const { afterCrash: _, ...one } = await join("one");
      const { afterCrash: __, ...two } = await join("two");
      await begin("t1");
      await ledger.idempotency.claim(claim(), one);
      await ledger.idempotency.claim(claim({ idempotencyKey: "two", turnId: "t2" }), one);
      const ofTwo = claim({ idempotencyKey: "two", turnId: "t3" });
      expect(await ledger.idempotency.claim(ofTwo, two)).to.deep.equal({ turnId: "t2", by: one });
      await ledger.nodes.bury({ ...one, beat: 0 });
      expect(await ledger.idempotency.claim(claim({ turnId: "t3" }), two)).to.deep.equal({
        turnId: "t1",
        by: one,
      });
      expect(await ledger.idempotency.claim(ofTwo, two)).to.equal("new");
      expect(await ledger.idempotency.claim(claim({ ...ofTwo, turnId: "t4" }), two)).to.deep.equal({
        turnId: "t3",
        by: two,
      });
    });
  });
}
