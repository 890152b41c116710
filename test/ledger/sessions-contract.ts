import type { Ledger } from "@claudeway/ports";
import { expect } from "chai";
import {
  NOON,
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

export function sessionContract(openLedger: OpenLedger): void {
  describe("sessions", () => {
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

    it("shows each write to the next read, however often it was read before", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const read = () => ledger.sessions.get(session.id);
      expect(await read()).to.deep.equal(await read());
      await ledger.sessions.setModel(session.id, "haiku", { epoch: 0 });
      expect(await read()).to.include({ model: "haiku", taskCount: 0 });
      await ledger.turns.begin(newTurn(session), { epoch: 0 });
      expect(await read()).to.include({ taskCount: 1 });
      await ledger.sessions.delete(session.id, NOON);
      expect(await read()).to.equal(undefined);
    });

    it("finds lost work that is added after a look found none", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const task = { id: "b1", kind: "shell", description: "sleep 60", since: NOON };
      const lost = { ...task, reason: "task" as const };
      const [claim, read] = [{ epoch: 0 }, () => ledger.sessions.lost(session.id)];
      expect(await read()).to.deep.equal([]);
      await ledger.sessions.addLost(session.id, [lost], claim);
      expect(await read()).to.deep.equal([lost]);
      await ledger.sessions.forgetLost(session.id, [lost], claim);
      expect(await read()).to.deep.equal([]);
      await ledger.sessions.setBackground(session.id, [task], claim);
      await ledger.sessions.loseBackground(session.id);
      expect(await read()).to.deep.equal([{ ...task, reason: "restart" }]);
    });

    it("gives back what it was given, also after a restart", async () => {
      const session = newSession({
        systemPrompt: "Be brief.\n\u2028'; DROP TABLE sessions; --",
        model: "opus[1m]",
      });
      await ledger.sessions.create(session);
      const expected = {
        ...session,
        lastUsed: NOON,
        taskCount: 0,
        totals: { tokens: tokens(), costUsd: 0, estimated: 0, unpriced: 0 },
        cliTotals: undefined,
      };
      expect(await ledger.sessions.get(session.id)).to.deep.equal(expected);
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
      expect(await ledger.sessions.get(session.id)).to.deep.equal(expected);
    });

    it("refuses a used id, also of a deleted session", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      await rejection(ledger.sessions.create(session));
      await ledger.sessions.delete(session.id, NOON);
      await rejection(ledger.sessions.create(session));
      expect((await ledger.sessions.list({ page: 1, limit: 1 })).total).to.equal(0);
    });

    it("lists the newest first, by key and by model, without tasks and deleted ones", async () => {
      const sessions = [];
      for (let i = 0; i < 30; i++) {
        const session = newSession({
          keyId: i % 3 === 0 ? "admin" : "ci",
          model: i % 2 === 0 ? "sonnet" : "haiku",
          kind: i % 10 === 9 ? "task" : "session",
          createdAt: new Date(Date.parse(NOON) + i).toISOString(),
        });
        sessions.push(session);
        await ledger.sessions.create(session);
      }
      await ledger.sessions.delete(sessions[4]?.id ?? "", NOON);
      const listed = sessions.filter((session, i) => session.kind === "session" && i !== 4).reverse();
      for (const keyId of [undefined, "admin", "ci", "nobody"]) {
        for (const model of [undefined, "sonnet", "haiku"]) {
          const wanted = listed.filter(
            (session) =>
              (keyId === undefined || session.keyId === keyId) &&
              (model === undefined || session.model === model),
          );
          const seen = [];
          for (let page = 1; page <= 8; page++) {
            const answer = await ledger.sessions.list({ keyId, model, page, limit: 4 });
            expect(answer.total).to.equal(wanted.length);
            expect([answer.page, answer.limit]).to.deep.equal([page, 4]);
            seen.push(...answer.sessions.map((session) => session.id));
          }
          expect(seen).to.deep.equal(wanted.map((session) => session.id));
        }
      }
    });

    it("lists tasks by themselves, the newest first, by key", async () => {
      const ids: Record<string, string[]> = { admin: [], ci: [] };
      const all: string[] = [];
      for (let i = 0; i < 9; i++) {
        const keyId = i % 3 === 0 ? "admin" : "ci";
        const task = newSession({ keyId, kind: i === 4 ? "session" : "task" });
        await ledger.sessions.create(task);
        if (i === 4) continue;
        ids[keyId]?.unshift(task.id);
        all.unshift(task.id);
      }
      for (const [keyId, expected] of [...Object.entries(ids), [undefined, all], ["none", []]] as const) {
        const first = await ledger.sessions.tasks({ keyId, page: 1, limit: 4 });
        const second = await ledger.sessions.tasks({ keyId, page: 2, limit: 4 });
        expect([...first.sessions, ...second.sessions].map(({ id }) => id)).to.deep.equal(expected);
        expect([first.total, second.total]).to.deep.equal([expected.length, expected.length]);
      }
    });

    it("refuses invalid pages", async () => {
      for (const [page, limit] of [
        [0, 10],
        [1.5, 10],
        [1, 0],
        [1, 1001],
        [Number.NaN, 1],
      ] as const) {
        expect((await rejection(ledger.sessions.list({ page, limit }))).message).to.match(/page|limit/);
      }
    });

    it("is gone once deleted, and its turns and totals stay", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      expect(await ledger.sessions.delete(session.id, NOON)).to.equal(true);
      expect(await ledger.sessions.delete(session.id, NOON)).to.equal(false);
      expect(await ledger.sessions.delete("never was", NOON)).to.equal(false);
      expect(await ledger.sessions.get(session.id)).to.equal(undefined);

      const usage = usageOf("m", tokens(1, 2, 3, 4), 0.5);
      expect(await ledger.turns.end(turn.id, outcome(turn, usage), { at: NOON })).to.equal(true);
      expect((await ledger.totals.overview()).costUsd).to.equal(0.5);
      expect((await ledger.turns.listBySession(session.id, { page: 1, limit: 10 })).total).to.equal(1);
    });

    it("keeps the CLI's totals, by themselves and with a turn's end", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const first = {
        bases: [{ m: { input: 1, output: 2, cacheRead: 3, cacheWrite: 4, costUsd: 0.1 } }],
      } as const;
      await ledger.sessions.setCliTotals(session.id, first, { epoch: 0 });
      expect((await ledger.sessions.get(session.id))?.cliTotals).to.deep.equal(first);
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      const second = { bases: [{}, ...first.bases] } as const;
      await ledger.turns.end(turn.id, outcome(turn, usageOf("m", tokens(1), 0.1)), {
        at: NOON,
        cliTotals: second,
      });
      expect((await ledger.sessions.get(session.id))?.cliTotals).to.deep.equal(second);
    });

    it("sets the last use forward only", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      for (const createdAt of ["2026-03-13T00:00:00.001Z", NOON])
        await ledger.turns.begin(newTurn(session, { createdAt }), { epoch: 0 });
      expect((await ledger.sessions.get(session.id))?.lastUsed).to.equal("2026-03-13T00:00:00.001Z");
    });

    it("sums a session's turns, model by model", async () => {
      const session = newSession();
      await ledger.sessions.create(session);
      const models = ["big", "small", "big"];
      for (const [i, model] of models.entries()) {
        const turn = newTurn(session);
        await ledger.turns.begin(turn, { epoch: 0 });
        await ledger.turns.end(turn.id, outcome(turn, usageOf(model, tokens(1, i), 0.1)), { at: NOON });
      }
      const record = await ledger.sessions.get(session.id);
      expect(record?.taskCount).to.equal(3);
      expect(record?.totals).to.deep.equal({ tokens: tokens(3, 3), costUsd: 0.3, estimated: 0, unpriced: 0 });
      expect(await ledger.sessions.byModel(session.id)).to.deep.equal([
        {
          model: "big",
          requests: 2,
          turns: 2,
          tokens: tokens(2, 2),
          costUsd: 0.2,
          estimated: 0,
          unpriced: 0,
        },
        {
          model: "small",
          requests: 1,
          turns: 1,
          tokens: tokens(1, 1),
          costUsd: 0.1,
          estimated: 0,
          unpriced: 0,
        },
      ]);
      expect(await ledger.sessions.byModel("never was")).to.deep.equal([]);
    });
  });
}
