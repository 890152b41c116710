import type { Ledger, TurnEnd, TurnQuery } from "@claudeway/ports";
import { expect } from "chai";
import {
  newFolder,
  newSession,
  newTurn,
  outcome,
  rejection,
  removeFolders,
  tokens,
  usageOf,
} from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const TURNS = 200;
const BEGAN = Date.parse("2026-03-01T00:00:00.000Z");

const at = (no: number) => new Date(BEGAN + no * 1000).toISOString();
const idOf = (no: number) => `00000000-0000-4000-8000-${String(no).padStart(12, "0")}`;

export function turnSearchContract(openLedger: OpenLedger): void {
  describe("searching turns", () => {
    let ledger: Ledger;

    before(async () => {
      ledger = await openLedger({ dataDir: newFolder() });
      await fill();
    });
    after(async () => {
      await ledger.close();
      removeFolders();
    });

    /** Turn n begins n seconds after the first; its model, key, end, cost and so on follow from n. */
    async function fill(): Promise<void> {
      const session = newSession({ keyId: "bob" });
      const task = newSession({ keyId: "ci", kind: "task" });
      await ledger.sessions.create(session);
      await ledger.sessions.create(task);
      for (let no = 1; no <= TURNS; no++) {
        const of = no % 10 === 0 ? task : session;
        const metadata =
          no === 20 ? { ticket: 'A_1"%', team: "x" } : no === 21 ? { ticket: "AB1" } : undefined;
        const turn = newTurn(of, { id: idOf(no), createdAt: at(no), model: "sonnet", metadata });
        await ledger.turns.begin(turn, { epoch: 0 });
        if (no === TURNS) continue;
        const end: TurnEnd = no % 50 === 7 ? "timeout" : "completed";
        const given = outcome(turn, usageOf(no % 2 === 0 ? "haiku" : "opus", tokens(1, 1), no / 1000));
        const result = no === 30 ? 'Found the "Needle" at 100%' : "done";
        const values = { end, durationMs: no, response: { ...given.response, result } };
        await ledger.turns.end(turn.id, { ...given, ...values }, { at: at(no + 1) });
      }
    }

    const search = (query: Partial<TurnQuery> = {}) => ledger.turns.search({ limit: 10, ...query });
    const numbers = async (query: Partial<TurnQuery> = {}) =>
      (await search(query)).turns.map(({ id }) => Number(id.slice(-12)));
    /** Of all pages. */
    async function all(query: Partial<TurnQuery>): Promise<number[]> {
      const found: number[] = [];
      let before: number | undefined;
      do {
        const page = await search({ limit: 60, ...query, before });
        found.push(...page.turns.map(({ id }) => Number(id.slice(-12))));
        before = page.before;
      } while (before !== undefined);
      return found;
    }

    it("lists the latest first, page by page, each once", async () => {
      expect(await numbers({ limit: 3 })).to.deep.equal([TURNS, TURNS - 1, TURNS - 2]);
      const { before } = await search({ limit: 3 });
      expect(await numbers({ limit: 2, before })).to.deep.equal([TURNS - 3, TURNS - 4]);
      const found = await all({});
      expect(found).to.have.length(TURNS);
      expect(new Set(found).size).to.equal(TURNS);
    });

    it("filters by key, kind, model, end, cost, duration and metadata, alone and together", async () => {
      expect(await numbers({ keyId: "ci", limit: 2 })).to.deep.equal([TURNS, TURNS - 10]);
      expect(await numbers({ kind: "session", limit: 2 })).to.deep.equal([TURNS - 1, TURNS - 2]);
      expect(await all({ kind: "task", model: "haiku" })).to.have.length(TURNS / 10 - 1);
      expect(await all({ end: "timeout" })).to.have.length(TURNS / 50);
      expect(await numbers({ end: "open" })).to.deep.equal([TURNS]);
      expect(await all({ minCostUsd: (TURNS - 3) / 1000 })).to.deep.equal([TURNS - 1, TURNS - 2, TURNS - 3]);
      expect(await all({ minDurationMs: TURNS - 2, model: "opus" })).to.deep.equal([TURNS - 1]);
      expect(await all({ metadata: { ticket: 'A_1"%' } }), "no pattern of LIKE").to.deep.equal([20]);
      expect(await all({ metadata: { ticket: 'A_1"%', team: "y" } })).to.deep.equal([]);
      expect(await all({ keyId: "nobody" })).to.deep.equal([]);
    });

    it("finds times from a second to the next", async () => {
      expect(await all({ since: at(100), until: at(103) })).to.deep.equal([102, 101, 100]);
      expect(await all({ until: at(3) })).to.deep.equal([2, 1]);
      expect(await all({ since: at(TURNS - 1) })).to.deep.equal([TURNS, TURNS - 1]);
      expect(await all({ since: at(TURNS + 100_000) })).to.deep.equal([]);
      expect(await all({ until: at(0) })).to.deep.equal([]);
    });

    it("finds text of answers, and nothing of the JSON around it", async () => {
      expect(await all({ text: 'the "needle" at 100%' })).to.deep.equal([30]);
      expect(await all({ text: "session_id" })).to.deep.equal([]);
      expect(await all({ text: "d_ne" })).to.deep.equal([]);
    });

    it("refuses a limit that is out of range", async () => {
      for (const limit of [0, 1001, 1.5])
        expect((await rejection(search({ limit }))).message).to.include("limit must be");
    });
  });
}
