import type { AuditPosition, Ledger, NewTurn, TurnOutcome } from "@claudeway/ports";
import { expect } from "chai";
import {
  NOON,
  newApproval,
  newFolder,
  newSession,
  newTurn,
  outcome,
  removeFolders,
  tokens,
  usageOf,
} from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const USED = usageOf("sonnet", tokens(10, 20), 0.01);
const MARCH = { since: "2026-03-01T00:00:00.000Z", until: "2026-04-01T00:00:00.000Z" };
const ALWAYS = { since: "2026-01-01T00:00:00.000Z", until: "2100-01-01T00:00:00.000Z" };

export function auditContract(openLedger: OpenLedger): void {
  describe("events of the audit log", () => {
    let ledger: Ledger;

    beforeEach(async () => {
      ledger = await openLedger({ dataDir: newFolder() });
    });
    afterEach(async () => {
      await ledger.close();
      removeFolders();
    });

    async function ended(at: string, keyId = "ci", values: Partial<TurnOutcome> = {}): Promise<NewTurn> {
      const session = newSession({ keyId });
      await ledger.sessions.create(session);
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.turns.end(turn.id, outcome(turn, USED, values), { at });
      return turn;
    }

    it("lists the turns that ended in a range, latest first, page by page", async () => {
      const times = ["02-28T23:59:59.999", "03-01T00:00:00.000", "03-05T10:00:00.000", "03-05T10:00:00.000"];
      const turns = [];
      for (const time of times) turns.push(await ended(`2026-${time}Z`));
      await ended("2026-04-01T00:00:00.000Z");
      await ended("2026-03-06T00:00:00.000Z", "bob");
      const found: string[] = [];
      for (let before: AuditPosition | undefined; ; ) {
        const [event] = await ledger.audit.turns({ ...MARCH, keyId: "ci", before, limit: 1 });
        if (event === undefined) break;
        found.push(event.turn.id);
        before = event.position;
      }
      expect(found).to.deep.equal(
        turns
          .slice(1)
          .toReversed()
          .map(({ id }) => id),
      );
    });

    it("has the error and the accounts of a turn, and nothing of an open one", async () => {
      const accounts = ["one", "two"];
      const { response } = outcome(newTurn(newSession()), USED);
      const failed = { ...response, success: false, error: "no \u0000 answer" };
      await ended(NOON, "ci", { end: "failed", response: failed, accounts });
      const session = newSession();
      await ledger.sessions.create(session);
      await ledger.turns.begin(newTurn(session), { epoch: 0 });
      const events = await ledger.audit.turns({ ...MARCH, limit: 10 });
      expect(events).to.have.length(1);
      expect(events[0]).to.deep.include({ error: failed.error, accounts });
      expect(events[0]?.turn.ended).to.include({ end: "failed", at: NOON });
      expect(events[0]?.turn.usage.costUsd).to.equal(0.01);
    });

    it("lists approvals when they are settled", async () => {
      const turn = await ended(NOON);
      const [first, second] = [newApproval(turn), newApproval(turn)];
      for (const approval of [first, second, newApproval(turn)]) await ledger.approvals.ask(approval);
      const by = { channel: "key", who: "ci" };
      await ledger.approvals.settle(second.id, "allowed", { decision: "allow", by, at: NOON });
      await ledger.approvals.settle(first.id, "withdrawn");
      const events = await ledger.audit.approvals({ ...ALWAYS, limit: 10 });
      expect(events.map(({ approval }) => approval.id)).to.have.members([first.id, second.id]);
      const [latest, before] = events;
      expect(latest && before && latest.position.at >= before.position.at).to.equal(true);
      const older = await ledger.audit.approvals({ ...ALWAYS, before: latest?.position, limit: 10 });
      expect(older).to.deep.equal([before]);
      expect(await ledger.audit.approvals({ ...MARCH, limit: 10 })).to.deep.equal([]);
    });
  });
}
