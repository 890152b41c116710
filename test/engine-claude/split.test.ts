import type { ModelTotals, TotalsByModel } from "@claudeway/ports";
import { expect } from "chai";
import { takeShare } from "#engine-claude/split.js";
import { add, isPossible, sumOf } from "#engine-claude/totals.js";

function row(input: number, output: number, costUsd: number | null = null): ModelTotals {
  return { input, output, cacheRead: 0, cacheWrite: 0, costUsd };
}

describe("what two turns used together", () => {
  it("is split by what was delivered to each, and adds up", () => {
    const used = { sonnet: row(30, 6, 0.6) };
    const { share, rest } = takeShare(used, { sonnet: row(10, 2) });
    expect(share).to.deep.equal({ sonnet: row(10, 2, 0.2) });
    expect(sumOf(add(share, rest)).costUsd).to.be.closeTo(0.6, 1e-12);
    expect(rest["sonnet"]).to.include({ input: 20, output: 4 });
  });

  it("is shared under the name that the totals have for a model", () => {
    const { share, rest } = takeShare({ "sonnet[1m]": row(10, 2, 0.2) }, { sonnet: row(10, 2) });
    expect(share).to.deep.equal({ "sonnet[1m]": row(10, 2, 0.2) });
    expect(rest).to.deep.equal({});
  });

  it("assigns no more of a model than was used", () => {
    // A message that broke off is in no total, so its model may be missing there.
    const used: TotalsByModel = { sonnet: row(8, 2, 0.18) };
    const { share, rest } = takeShare(used, { haiku: row(5, 1), sonnet: row(5, 1) });
    expect(sumOf(share).input).to.equal(8);
    expect(isPossible(rest), "nothing below zero is left").to.equal(true);
    expect(sumOf(add(share, rest)).costUsd).to.be.closeTo(0.18, 1e-12);
  });

  it("has no price where the report has none", () => {
    expect(takeShare({ sonnet: row(10, 2) }, { sonnet: row(5, 1) }).share).to.deep.equal({
      sonnet: row(5, 1),
    });
  });
});
