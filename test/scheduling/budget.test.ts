import { setImmediate } from "node:timers/promises";
import { expect } from "chai";
import { BudgetWatch } from "#scheduling/budget.js";

const usage = (model: string, output: number, costUsd: number | null = null) => {
  const tokens = { input: 0, output, cache_read: 0, cache_write: 0 };
  return { tokens, costUsd, estimated: true, byModel: { [model]: { tokens, costUsd } } };
};

interface Terms {
  readonly limitUsd: number;
  readonly reservations: number[];
  /** What the turn had used before it waited. */
  readonly before: ReturnType<typeof usage>;
}

describe("the watch on a turn's budget", () => {
  /** Whether the usages go over a budget of a dollar; `learned`: USD for a token. */
  async function exceeds(
    usages: ReturnType<typeof usage>[],
    learned: number | null = null,
    { limitUsd = 1, reservations = [], before }: Partial<Terms> = {},
  ): Promise<number> {
    let times = 0;
    const watch = new BudgetWatch({
      turnId: "t",
      limitUsd,
      before,
      quota: {
        reservedUsd: async () => reservations[0],
        extend: async () => {
          reservations.shift();
          return reservations[0];
        },
      },
      prices: { estimateCost: async (_model, { output }) => (learned === null ? null : learned * output) },
      exceeded: () => times++,
      failed: (error) => {
        throw error;
      },
    });
    for (const one of usages) {
      watch.usage(one);
      await setImmediate();
    }
    return times;
  }

  it("counts by the price that was learned, and reports once", async () => {
    expect(await exceeds([usage("sonnet", 90), usage("sonnet", 100)], 0.01)).to.equal(0);
    expect(await exceeds([usage("sonnet", 101), usage("sonnet", 200)], 0.01)).to.equal(1);
  });

  it("counts by the list price of the family until then, of an unknown one the dearest", async () => {
    const million = 1_000_000;
    expect(await exceeds([usage("claude-haiku-9", 0.19 * million)])).to.equal(0);
    expect(await exceeds([usage("claude-haiku-9", 0.21 * million)])).to.equal(1);
    expect(await exceeds([usage("claude-sonnet-9", 0.07 * million)])).to.equal(1);
    expect(await exceeds([usage("something-else", 0.014 * million)])).to.equal(1);
  });

  it("extends what was reserved while it can, and then reports", async () => {
    const dollars = (...costs: number[]) => costs.map((costUsd) => usage("sonnet", 1, costUsd));
    const reserved = (...reservations: number[]) => ({ limitUsd: Number.POSITIVE_INFINITY, reservations });
    expect(await exceeds(dollars(0.1, 0.29), null, reserved(0.1, 0.2, 0.3))).to.equal(0);
    expect(await exceeds(dollars(0.1, 0.31), null, reserved(0.1, 0.2, 0.3))).to.equal(1);
    expect(await exceeds(dollars(0, 0.01), null, reserved(0))).to.equal(1);
    expect(await exceeds(dollars(1.1), null, { limitUsd: 1, reservations: [9] })).to.equal(1);
    expect(await exceeds(dollars(5), null, reserved())).to.equal(0);
  });

  it("counts what was used before the turn waited, of which not all needs to have a price", async () => {
    const priced = usage("sonnet", 1, 0.9);
    const before = {
      ...priced,
      costUsd: null,
      byModel: { ...priced.byModel, ...usage("haiku", 1000).byModel },
    };
    expect(await exceeds([usage("sonnet", 1, 0.09)], null, { before })).to.equal(0);
    expect(await exceeds([usage("sonnet", 1, 0.096)], null, { before })).to.equal(1);
  });

  it("counts what is priced already as it is", async () => {
    expect(await exceeds([usage("sonnet", 1_000_000, 0.5)])).to.equal(0);
  });
});
