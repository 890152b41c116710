import type { Ledger, NewTurn, QuotaClaim, QuotaCounter, TurnUsage } from "@claudeway/ports";
import { expect } from "chai";
import { endOf, periodOf } from "#ledger/periods.js";
import { newFolder, newSession, newTurn, outcome, removeFolders, tokens, usageOf } from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const COST: QuotaCounter = { name: "budget", subject: "key:ci", window: "all", measure: "cost" };
const HELD: QuotaCounter = { ...COST, measure: "held" };
const NO_MODEL: TurnUsage = { tokens: tokens(), costUsd: 0, estimated: false, byModel: {} };

export function quotaContract(openLedger: OpenLedger): void {
  describe("quotas", () => {
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

    const claim = (counter: QuotaCounter, limit: number, amount: number): QuotaClaim => ({
      ...counter,
      limit,
      amount,
    });
    const claimFor = (turn: NewTurn | undefined, ...claims: QuotaClaim[]) =>
      ledger.quota.claim("p", turn?.id, claims);
    const state = async (counter: QuotaCounter) => {
      const [found] = await ledger.quota.read("p", [counter]);
      return found && { used: found.used, reserved: found.reserved };
    };
    async function begin(): Promise<NewTurn> {
      const session = newSession();
      await ledger.sessions.create(session);
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      return turn;
    }
    const end = (turn: NewTurn, usage: TurnUsage) =>
      ledger.turns.end(turn.id, outcome(turn, usage), { at: new Date().toISOString() });
    const cost = (usd: number | null, model = "m") => usageOf(model, tokens(100, 10), usd);

    it("reserves on all counters or on none, and grants all costs what the least room allows", async () => {
      const [one, two] = [await begin(), await begin()];
      const wide = { ...COST, name: "wide" };
      expect(await claimFor(one, claim(COST, 1, 0.7), claim(wide, 9, 0.7))).to.deep.equal({
        ok: true,
        costUsd: 0.7,
      });
      expect(await claimFor(two, claim(COST, 1, 0.7), claim(wide, 9, 0.7))).to.deep.include({ ok: true });
      expect(await state(wide)).to.deep.equal({ used: 0, reserved: 1 });
      const third = await begin();
      const refused = await claimFor(third, claim(wide, 9, 0.7), claim(COST, 1, 0.7));
      expect(refused).to.have.nested.property("full[0].name", "budget");
      expect(refused).to.have.property("full").with.length(1);
      expect(await state(wide)).to.deep.equal({ used: 0, reserved: 1 });
    });

    it("replaces the reservation by what the ledger records, however the turn ends", async () => {
      const turn = await begin();
      await claimFor(
        turn,
        claim(COST, 1, 0.5),
        claim(HELD, 1, 1),
        claim({ ...COST, measure: "tokens" }, 500, 200),
      );
      const other = await begin();
      expect(await claimFor(other, claim(HELD, 1, 1))).to.have.property("reason", "full");
      await end(turn, cost(0.3));
      expect(await state(COST)).to.deep.equal({ used: 0.3, reserved: 0 });
      expect(await state({ ...COST, measure: "tokens" })).to.deep.equal({ used: 110, reserved: 0 });
      expect(await claimFor(other, claim(HELD, 1, 1))).to.have.property("ok", true);
      await end(other, NO_MODEL);
      expect(await state(HELD)).to.deep.equal({ used: 0, reserved: 0 });
      expect(await claimFor(turn, claim(COST, 1, 0.5))).to.deep.equal({ ok: false, reason: "ended" });
      expect(await ledger.quota.reservedUsd(turn.id)).to.equal(undefined);
    });

    it("extends a reservation step by step up to the limit", async () => {
      const turn = await begin();
      await claimFor(turn, claim(COST, 1, 0.4));
      expect(await ledger.quota.reservedUsd(turn.id)).to.equal(0.4);
      expect(await ledger.quota.extend(turn.id)).to.equal(0.8);
      expect(await ledger.quota.extend(turn.id)).to.equal(1);
      expect(await ledger.quota.extend(turn.id)).to.equal(undefined);
      expect(await state(COST)).to.deep.equal({ used: 0, reserved: 1 });
      expect(await ledger.quota.extend("unknown")).to.equal(undefined);
    });

    it("counts at once, without a turn, and refuses what does not fit", async () => {
      const requests: QuotaCounter = {
        name: "requests",
        subject: "key:ci",
        window: "minute",
        measure: "count",
      };
      for (const ok of [true, true, false])
        expect(await claimFor(undefined, claim(requests, 2, 1))).to.have.property("ok", ok);
      expect(await ledger.quota.read("other", [requests])).to.have.nested.property("[0].used", 0);
    });

    it("settles lost turns after a kill with what was recorded of them", async () => {
      const turn = await begin();
      await end(await begin(), cost(0.01));
      await claimFor(turn, claim(COST, 1, 0.5), claim(HELD, 1, 1));
      await ledger.turns.recordUsage(turn.id, cost(null));
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
      expect(await state(COST)).to.deep.equal({ used: 0, reserved: 0.5 });
      const lost = await ledger.turns.markLost(turn.id, {
        at: new Date().toISOString(),
        respond: () => outcome(turn, NO_MODEL).response,
      });
      expect(lost?.usage.costUsd).to.be.greaterThan(0);
      expect(await state(COST)).to.deep.equal({ used: lost?.usage.costUsd, reserved: 0 });
      expect(await state(HELD)).to.deep.equal({ used: 0, reserved: 0 });
    });

    it("counts an unknown price as what was reserved, and corrects it once the price is known", async () => {
      const turn = await begin();
      await claimFor(turn, claim(COST, 1, 0.5));
      await end(turn, cost(null, "new"));
      expect(await state(COST)).to.deep.equal({ used: 0.5, reserved: 0 });
      await ledger.close();
      ledger = await openLedger({ dataDir: folder });
      await end(await begin(), cost(0.02, "another"));
      expect(await state(COST)).to.deep.equal({ used: 0.5, reserved: 0 });
      await end(await begin(), cost(0.02, "new"));
      expect(await state(COST)).to.deep.equal({ used: 0.02, reserved: 0 });
    });

    it("lets a plugin settle with an amount of its own", async () => {
      const turn = await begin();
      await claimFor(turn, claim(HELD, 10, 8));
      expect(await ledger.quota.settle("p", turn.id, HELD, 3)).to.equal(true);
      expect(await ledger.quota.settle("p", turn.id, HELD, 3)).to.equal(false);
      await end(turn, NO_MODEL);
      expect(await state(HELD)).to.deep.equal({ used: 3, reserved: 0 });
    });

    it("knows when windows end", () => {
      const at = Date.parse("2026-11-29T23:59:30.500Z");
      const ends = (["minute", "day", "week", "month"] as const).map((window) => {
        const found = endOf(window, at) ?? 0;
        expect(periodOf(window, found - 1)).to.equal(periodOf(window, at));
        expect(periodOf(window, found)).to.not.equal(periodOf(window, at));
        return new Date(found).toISOString();
      });
      const [midnight, december] = ["2026-11-30T00:00:00.000Z", "2026-12-01T00:00:00.000Z"];
      expect(ends).to.deep.equal([midnight, midnight, midnight, december]);
      expect(endOf("all", at)).to.equal(undefined);
    });
  });
}
