import type { ModelTotals } from "@claudeway/ports";
import { expect } from "chai";
import { NO_USAGE } from "#core/turns/usage.js";
import { estimatedUsage, reportedUsage } from "#engine-claude/usage.js";

function row(input: number, output: number, costUsd: number | null = 0): ModelTotals {
  return { input, output, cacheRead: 0, cacheWrite: 0, costUsd };
}

describe("the usage of a turn", () => {
  it("has the sums and each model's share, without floating-point noise", () => {
    const usage = reportedUsage({ sonnet: row(10, 1, 0.1 + 0.2), haiku: row(5, 5, 0.000001) });
    expect(usage).to.deep.equal({
      tokens: { input: 15, output: 6, cache_read: 0, cache_write: 0 },
      costUsd: 0.300001,
      estimated: false,
      byModel: {
        sonnet: { tokens: { input: 10, output: 1, cache_read: 0, cache_write: 0 }, costUsd: 0.3 },
        haiku: { tokens: { input: 5, output: 5, cache_read: 0, cache_write: 0 }, costUsd: 0.000001 },
      },
    });
  });

  it("that never reported is an estimate without a price", () => {
    expect(estimatedUsage({ sonnet: row(10, 1, null) })).to.include({ estimated: true, costUsd: null });
  });

  it("that never reached the CLI is zero, and not an estimate", () => {
    expect(NO_USAGE).to.deep.equal({
      tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
      costUsd: 0,
      estimated: false,
      byModel: {},
    });
  });
});
