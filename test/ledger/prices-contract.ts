import type { Ledger } from "@claudeway/ports";
import type { Tokens } from "@claudeway/schemas";
import { expect } from "chai";
import {
  NOON,
  newFolder,
  newSession,
  newTurn,
  outcome,
  removeFolders,
  seeded,
  tokens,
  usageOf,
} from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

/** Nanodollars a token: input, output, cache read, cache write. */
const LISTS = { sonnet: [3000, 15000, 300, 3750], haiku: [800, 4000, 80, 1000], odd: [1100, 9000, 30, 2200] };

function costUsd(used: Tokens, list: readonly number[]): number {
  const [input = 0, output = 0, read = 0, write = 0] = list;
  return (
    (used.input * input + used.output * output + used.cache_read * read + used.cache_write * write) / 1e9
  );
}

export function priceContract(openLedger: OpenLedger): void {
  describe("learned prices", () => {
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

    async function run(model: string, used: Tokens, cost: number | null, estimated = false): Promise<void> {
      const session = newSession();
      await ledger.sessions.create(session);
      const turn = newTurn(session);
      await ledger.turns.begin(turn, { epoch: 0 });
      await ledger.turns.end(turn.id, outcome(turn, usageOf(model, used, cost, estimated)), { at: NOON });
    }

    it("are reported for turns that ended without one, once each", async () => {
      const reported: (readonly [string, number | null])[] = [];
      ledger.prices.onPriced(({ kind, keyId }, { costUsd }) => reported.push([`${kind} ${keyId}`, costUsd]));
      const used = tokens(1000);
      await run("new", used, null);
      await run("new", used, null, true);
      await run("other", used, null);
      expect(reported).to.deep.equal([]);
      await run("new", used, 0.003);
      expect(reported.map(([, cost]) => cost)).to.deep.equal([0.003, 0.003]);
      expect(reported[0]?.[0]).to.match(/^(?:session|task) \S+$/);
      await run("new", used, 0.003);
      await run("third", used, 0.001);
      expect(reported.length, "only when a price becomes known").to.equal(2);
      await run("other", used, 0.001);
      expect(reported.length).to.equal(3);
    });

    it("are exact if the turns determine every kind of token", async () => {
      const random = seeded(1);
      const upTo = (most: number): number => Math.floor(random() * most);
      for (const [model, list] of Object.entries(LISTS)) {
        for (let i = 0; i < 8; i++) {
          const used = tokens(1 + upTo(20), upTo(4000), upTo(150_000), upTo(9000));
          await run(model, used, costUsd(used, list));
        }
        for (let i = 0; i < 50; i++) {
          const asked = tokens(upTo(100_000), upTo(64_000), upTo(1_000_000), upTo(200_000));
          const estimate = await ledger.prices.estimateCost(model, asked);
          expect(estimate).to.be.closeTo(costUsd(asked, list), 1e-9);
        }
      }
    });

    it("follow the list's ratios otherwise", async () => {
      await run("sonnet", tokens(100, 10, 1000, 100), costUsd(tokens(100, 10, 1000, 100), LISTS.sonnet));
      const asked = tokens(5, 700, 80_000, 3);
      expect(await ledger.prices.estimateCost("sonnet", asked)).to.be.closeTo(
        costUsd(asked, LISTS.sonnet),
        1e-9,
      );
      await run("odd", tokens(1000), 0.0011);
      await run("odd", tokens(2000), 0.0022);
      expect(await ledger.prices.estimateCost("odd", tokens(0, 10))).to.be.closeTo(10 * 5 * 1.1e-6, 1e-9);
    });

    it("are null for a model without turns, and nothing for no tokens", async () => {
      expect(await ledger.prices.estimateCost("sonnet", tokens(1))).to.equal(null);
      expect(await ledger.prices.estimateCost("sonnet", tokens())).to.equal(0);
    });

    it("aren't learned from estimates, nor from turns without tokens", async () => {
      await run("sonnet", tokens(1000), 5, true);
      await run("sonnet", tokens(1000), null, true);
      await run("sonnet", tokens(), 5);
      expect(await ledger.prices.estimateCost("sonnet", tokens(1))).to.equal(null);
    });

    it("are nothing where the model costs nothing", async () => {
      await run("demo", tokens(10, 10), 0);
      expect(await ledger.prices.estimateCost("demo", tokens(1000, 1000, 5, 5))).to.equal(0);
    });

    it("forget an old price list after 64 turns, also over a restart", async () => {
      const random = seeded(2);
      for (let i = 0; i < 200; i++) {
        if (i === 170) {
          await ledger.close();
          ledger = await openLedger({ dataDir: folder });
        }
        const used = tokens(...[1000, 4000, 150_000, 9000].map((most) => Math.floor(random() * most)));
        await run("sonnet", used, costUsd(used, i < 136 ? LISTS.odd : LISTS.sonnet));
      }
      const asked = tokens(1e6, 1e6, 1e6, 1e6);
      expect(await ledger.prices.estimateCost("sonnet", asked)).to.be.closeTo(
        costUsd(asked, LISTS.sonnet),
        1e-9,
      );
    });

    it("fill in missing costs only", async () => {
      await run("sonnet", tokens(1000), 0.003);
      const whole = { tokens: tokens(30), costUsd: null, estimated: true };
      const known = { tokens: tokens(10), costUsd: 0.5 };
      const open = { tokens: tokens(20), costUsd: null };
      expect(await ledger.prices.price({ ...whole, byModel: { haiku: known, sonnet: open } })).to.deep.equal({
        ...whole,
        costUsd: 0.50006,
        byModel: { haiku: known, sonnet: { ...open, costUsd: 0.00006 } },
      });
      const unknown = { ...whole, byModel: { haiku: open, sonnet: { ...known, costUsd: null } } };
      const priced = await ledger.prices.price(unknown);
      expect([
        priced.costUsd,
        priced.byModel["haiku"]?.costUsd,
        priced.byModel["sonnet"]?.costUsd,
      ]).to.deep.equal([null, null, 0.00003]);
      expect((await ledger.prices.price({ ...whole, byModel: {} })).costUsd).to.equal(null);
      expect((await ledger.prices.price({ ...whole, tokens: tokens(), byModel: {} })).costUsd).to.equal(0);
      const reported = usageOf("nobody", tokens(1), 7);
      expect(await ledger.prices.price(reported)).to.deep.equal(reported);
    });
  });
}
