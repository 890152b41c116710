import type { ModelTotals } from "@claudeway/ports";
import { expect } from "chai";
import { add, covers, isPossible, subtract, sumOf } from "#engine-claude/totals.js";

function row(input: number, output: number, costUsd: number | null = 0): ModelTotals {
  return { input, output, cacheRead: 0, cacheWrite: 0, costUsd };
}

describe("totals", () => {
  it("are subtracted by model, without unchanged ones", () => {
    const before = { sonnet: row(10, 1, 0.1), haiku: row(5, 5, 0.2) };
    const after = { sonnet: row(30, 3, 0.3), haiku: row(5, 5, 0.2), opus: row(1, 1, 0.5) };
    const used = subtract(after, before);
    expect(used).to.have.all.keys("sonnet", "opus");
    expect(used["sonnet"]).to.deep.include({ input: 20, output: 2 });
    expect(used["sonnet"]?.costUsd).to.be.closeTo(0.2, 1e-12);
    expect(sumOf(add(before, used))).to.deep.include({ input: 36, output: 9 });
  });

  it("a wrong base yields negative counts", () => {
    expect(isPossible(subtract({ sonnet: row(10, 1, 0.1) }, { sonnet: row(20, 2, 0.2) }))).to.equal(false);
    expect(isPossible(subtract({ sonnet: row(20, 2, 0.1 + 0.2) }, { sonnet: row(10, 1, 0.3) }))).to.equal(
      true,
    );
  });

  it("cover what was delivered when no count falls short, whatever the models are called", () => {
    const used = { "claude-sonnet-5": row(10, 5) };
    expect(covers(used, { sonnet: row(10, 5) })).to.equal(true);
    expect(covers(used, { sonnet: row(10, 6) })).to.equal(false);
  });

  it("a price that is missing in one row is missing in the sum", () => {
    expect(sumOf({ a: row(1, 1, 0.5), b: row(1, 1, null) })).to.deep.equal(row(2, 2, null));
  });
});
