import type { ModelTotals, TotalsByModel } from "@claudeway/ports";
import { expect } from "chai";
import { settle } from "#engine-claude/bases.js";

function row(input: number, output: number, costUsd: number | null = 0): ModelTotals {
  return { input, output, cacheRead: 0, cacheWrite: 0, costUsd };
}

function delivered(all: TotalsByModel) {
  return { all, uncut: all };
}

describe("what a process started from", () => {
  it("is not a base with more of a model than now, whatever the sums", () => {
    const now = { sonnet: row(10, 2, 0.2) };
    const bases = [{ haiku: row(5, 1) }, { sonnet: row(4, 1, 0.1) }];
    expect(settle(now, { bases }, delivered({ sonnet: row(5, 1, null) }))).to.deep.equal({
      base: bases[1],
      used: { sonnet: row(6, 1, 0.1) },
    });
  });
});

describe("what a process started from, where it is known", () => {
  const now = { sonnet: row(10, 2, 0.2) };

  it("does not compete with other bases, whatever was delivered", () => {
    const certain = { sonnet: row(10, 2, 0.2) };
    const settled = settle(now, { bases: [{}] }, delivered({ sonnet: row(8, 1, null) }), certain);
    expect(settled).to.deep.equal({ base: certain, used: {} });
  });

  it("is discarded only if the totals are now lower", () => {
    const settled = settle(now, { bases: [] }, delivered({ sonnet: row(10, 1, null) }), {
      sonnet: row(11, 2),
    });
    expect(settled.used).to.deep.equal(now);
  });

  it("else fits the messages that did not break off, before it bills for all there ever was", () => {
    const seen = { all: { sonnet: row(7, 1, null) }, uncut: {} };
    expect(settle(now, { bases: [now] }, seen).used).to.deep.equal({});
  });
});
