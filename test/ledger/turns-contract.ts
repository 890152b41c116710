import { type Ledger, LedgerError, type NewSession, type TurnRecord } from "@claudeway/ports";
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

const LATER = "2026-03-12T12:00:05.000Z";

export function turnContract(openLedger: OpenLedger): void {
  describe("turns", () => {
    let folder: string;
    let ledger: Ledger;
    let session: NewSession;

    beforeEach(async () => {
      folder = newFolder();
      ledger = await openLedger({ dataDir: folder });
      session = newSession();
      await ledger.sessions.create(session);
    });
    afterEach(async () => {
      await ledger.close();
      removeFolders();
    });

    async function reopen(): Promise<void> {
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
    }

    it("is recorded from its beginning, with its process and usage", async () => {
      const turn = newTurn(session, { createdAt: LATER });
      await ledger.turns.begin(turn, { epoch: 0 });
      const usage = usageOf("m", tokens(0), 0);
      const begun: TurnRecord = {
        ...turn,
        origin: "prompt",
        process: undefined,
        usage: { ...usage, byModel: {} },
        parked: undefined,
        ended: undefined,
      };
      expect(await ledger.turns.get(turn.id)).to.deep.equal(begun);
      expect((await ledger.sessions.get(session.id))?.lastUsed).to.equal(LATER);

      const child = { pid: 4711, startTime: 123_456_789, marker: "gateway/turn" };
      const delivered = usageOf("m", tokens(10, 20, 30, 40), null, true);
      await ledger.turns.recordUsage(turn.id, delivered, child);
      await reopen();
      expect(await ledger.turns.get(turn.id)).to.deep.equal({ ...begun, process: child, usage: delivered });
      expect(await ledger.turns.running()).to.deep.equal([await ledger.turns.get(turn.id)]);
      expect((await ledger.totals.overview()).requests).to.equal(0);
    });

    it("ends once: a second end changes nothing and says so", async () => {
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      const usage = usageOf("m", tokens(1, 2, 3, 4), 0.25);
      const first = outcome(turn, usage, { exitCode: null, end: "interrupted" });
      expect(await ledger.turns.end(turn.id, first, { at: LATER })).to.equal(true);
      const before = [await ledger.turns.get(turn.id), await ledger.totals.overview()];
      const second = outcome(turn, usageOf("m", tokens(9, 9, 9, 9), 9));
      expect(await ledger.turns.end(turn.id, second, { at: LATER })).to.equal(false);
      await ledger.turns.recordUsage(turn.id, second.usage);
      expect(await ledger.turns.markLost(turn.id, { at: LATER, respond: () => second.response })).to.equal(
        undefined,
      );
      expect([await ledger.turns.get(turn.id), await ledger.totals.overview()]).to.deep.equal(before);
      await reopen();
      expect((await ledger.turns.get(turn.id))?.ended).to.deep.equal({
        end: "interrupted",
        at: LATER,
        model: "m",
        durationMs: 1200,
        queuedMs: 7,
        exitCode: null,
      });
      expect(await ledger.turns.response(turn.id)).to.deep.equal(first.response);
      expect(await ledger.turns.running()).to.deep.equal([]);
    });

    it("records the shares of several models, and assigns the rest to the main one", async () => {
      const turn = newTurn(session, { model: "sonnet" });
      await ledger.turns.begin(turn, { epoch: 0 });
      const usage = {
        tokens: tokens(10, 20, 30, 41),
        costUsd: 1.000000001,
        estimated: false,
        byModel: {
          "claude-sonnet": { tokens: tokens(8, 15, 30, 40), costUsd: 0.7 },
          "claude-haiku": { tokens: tokens(2, 5, 0, 0), costUsd: 0.3 },
        },
      };
      await ledger.turns.end(turn.id, outcome(turn, usage, { model: "sonnet" }), { at: NOON });
      const record = await ledger.turns.get(turn.id);
      expect(record?.ended?.model).to.equal("claude-sonnet");
      expect(record?.usage).to.deep.equal({
        ...usage,
        byModel: {
          "claude-sonnet": { tokens: tokens(8, 15, 30, 41), costUsd: 0.700000001 },
          "claude-haiku": { tokens: tokens(2, 5, 0, 0), costUsd: 0.3 },
        },
      });
      const { byModel } = await ledger.totals.overview();
      expect(
        byModel.map(({ model, requests, turns, costUsd }) => [model, requests, turns, costUsd]),
      ).to.deep.equal([
        ["claude-sonnet", 1, 1, 0.700000001],
        ["claude-haiku", 0, 1, 0.3],
      ]);
    });

    it("accepts models named like properties of Object.prototype", async () => {
      for (const model of ["constructor", "__proto__", "toString"]) {
        const turn = newTurn(session, { model });
        await ledger.turns.begin(turn, { epoch: 0 });
        await ledger.turns.end(turn.id, outcome(turn, { ...usageOf("x", tokens(1), 0.1), byModel: {} }), {
          at: NOON,
        });
        expect((await ledger.turns.get(turn.id))?.ended?.model).to.equal(model);
      }
      expect((await ledger.totals.overview()).byModel.map((row) => row.requests)).to.deep.equal([1, 1, 1]);
    });

    it("marks a lost turn once, with what was delivered at the learned price", async () => {
      const known = newTurn(session);
      await ledger.turns.begin(known, { epoch: 0 });
      await ledger.turns.end(known.id, outcome(known, usageOf("m", tokens(1000), 0.003)), { at: NOON });
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.turns.recordUsage(turn.id, usageOf("m", tokens(10, 2), null, true));
      await reopen();
      const [running] = await ledger.turns.running();
      expect(running?.id).to.equal(turn.id);
      const respond = (lost: TurnRecord) => ({
        session_id: lost.sessionId,
        result: "",
        success: false,
        duration_ms: 0,
        tokens: lost.usage.tokens,
        cost_usd: lost.usage.costUsd,
        error: "lost",
      });
      const lost = await ledger.turns.markLost(turn.id, { at: LATER, respond });
      expect(lost?.ended?.end).to.equal("lost");
      expect(lost?.ended?.durationMs).to.equal(5000);
      expect(lost?.usage).to.deep.equal(usageOf("m", tokens(10, 2), 0.00006, true));
      expect((await ledger.turns.response(turn.id))?.cost_usd).to.equal(0.00006);
      expect(await ledger.turns.markLost(turn.id, { at: LATER, respond })).to.equal(undefined);
      const overview = await ledger.totals.overview();
      expect([overview.requests, overview.estimated, overview.costUsd]).to.deep.equal([2, 1, 0.00306]);
    });

    it("counts a turn with an unknown price, without a cost", async () => {
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.turns.end(turn.id, outcome(turn, usageOf("new", tokens(5), null, true)), { at: NOON });
      expect((await ledger.turns.get(turn.id))?.usage).to.deep.equal(usageOf("new", tokens(5), null, true));
      const { totals } = (await ledger.sessions.get(session.id)) ?? {};
      expect(totals).to.deep.equal({ tokens: tokens(5), costUsd: 0, estimated: 1, unpriced: 1 });
    });

    it("lists a session's turns, the latest first, page by page", async () => {
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) {
        const turn = newTurn(session);
        ids.unshift(turn.id);
        await ledger.turns.begin(turn, { epoch: 0 });
      }
      const seen: string[] = [];
      for (const page of [1, 2, 3, 4]) {
        const answer = await ledger.turns.listBySession(session.id, { page, limit: 2 });
        expect(answer.total).to.equal(7);
        seen.push(...answer.turns.map((turn) => turn.id));
      }
      expect(seen).to.deep.equal(ids);
      expect((await ledger.turns.listBySession("never was", { page: 1, limit: 2 })).total).to.equal(0);
    });

    it("refuses an unknown session or turn, a used id, and an invalid cost", async () => {
      const turn = newTurn(session);
      expect(
        await rejection(ledger.turns.begin({ ...turn, sessionId: "never was" }, { epoch: 0 })),
      ).to.be.instanceOf(LedgerError);
      await ledger.turns.begin(turn, { epoch: 0 });
      await rejection(ledger.turns.begin(turn, { epoch: 0 }));
      expect((await ledger.sessions.get(session.id))?.taskCount).to.equal(1);
      const usage = usageOf("m", tokens(1), 0.1);
      expect(
        await rejection(ledger.turns.end("never was", outcome(turn, usage), { at: NOON })),
      ).to.be.instanceOf(LedgerError);
      for (const costUsd of [Number.NaN, Number.POSITIVE_INFINITY, 1e10]) {
        await rejection(
          ledger.turns.end(turn.id, outcome(turn, usageOf("m", tokens(1), costUsd)), { at: NOON }),
        );
      }
      expect((await ledger.totals.overview()).requests).to.equal(0);
      expect(await ledger.turns.get("never was")).to.equal(undefined);
      expect(await ledger.turns.response(turn.id)).to.equal(undefined);
    });

    it("counts a turn that is parked once, though its gateway does not know that it is", async () => {
      const used = usageOf("sonnet", tokens(3, 4), 0.5);
      const parking = { at: NOON, usage: used, model: "sonnet", parked: parkedForLimit() };
      const [again, ended] = [newTurn(session), newTurn(session)];
      for (const { id } of [again, ended]) {
        await ledger.turns.begin(id === again.id ? again : ended, { epoch: 0 });
        await ledger.turns.park(id, parking);
      }
      await ledger.turns.park(again.id, parking);
      await ledger.turns.end(ended.id, outcome(ended, used, { end: "failed" }), { at: NOON });
      for (const { id } of [again, ended]) expect((await ledger.turns.get(id))?.usage).to.deep.equal(used);
      expect(await ledger.totals.overview()).to.deep.include({ costUsd: 1, tokens: tokens(6, 8) });
    });

    it("ends once, and its gateway knows its own end again, which may have written it unheard", async () => {
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      const ended = outcome(turn, usageOf("m", tokens(1), 0.1));
      expect(await ledger.turns.end(turn.id, ended, { at: NOON })).to.equal(true);
      expect(await ledger.turns.end(turn.id, ended, { at: NOON })).to.equal(true);
      expect(await ledger.turns.end(turn.id, ended, { at: LATER })).to.equal(false);
      const other = { ...ended, response: { ...ended.response, result: "another" } };
      expect(await ledger.turns.end(turn.id, other, { at: NOON })).to.equal(false);
      expect((await ledger.totals.overview()).requests).to.equal(1);
    });

    it("begins once, though its gateway records the beginning of what the CLI began by itself again", async () => {
      const turn = newTurn(session, { origin: "background", metadata: { a: "b" } });
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.turns.begin(turn, { epoch: 0 });
      expect((await ledger.turns.get(turn.id))?.origin).to.equal("background");
      expect((await ledger.sessions.get(session.id))?.taskCount).to.equal(1);
    });

    it("refuses everything once it is closed", async () => {
      await ledger.close();
      await ledger.close();
      expect((await rejection(ledger.totals.overview())).message).to.equal("the ledger is closed");
    });
  });
}
