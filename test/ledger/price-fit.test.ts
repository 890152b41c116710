import { expect } from "chai";
import { costOf, fitPrices } from "#ledger/price-fit.js";
import { seeded, tokens } from "./fixture.js";

describe("fitted prices", () => {
  it("are never negative and fit what they came from, whatever the costs were", () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = seeded(seed);
      const few = Math.floor(random() * 6) + 1;
      const samples = Array.from({ length: few }, () => ({
        tokens: tokens(
          ...[20, 4000, 150_000, 9000].map((most) => (random() < 0.3 ? 0 : Math.floor(random() * most))),
        ),
        costNano: Math.floor(random() * 1e8),
      }));
      const prices = fitPrices(samples);
      if (prices === undefined) {
        expect(samples.every((sample) => costOf(sample.tokens, tokens(1, 1, 1, 1)) === 0)).to.equal(true);
        continue;
      }
      for (const price of Object.values(prices)) expect(price).to.be.at.least(0).and.satisfy(Number.isFinite);
    }
  });
});
