import { expect } from "chai";
import { settle } from "../../../core/dist/engine/bases.js";
import type { ModelTotals } from "../../../core/dist/engine/engine.js";
import {
  add,
  covers,
  DeliveredUsage,
  estimatedUsage,
  isPossible,
  NO_USAGE,
  reportedUsage,
  subtract,
  sumOf,
} from "../../../core/dist/engine/usage.js";

function row(input: number, output: number, costUsd: number | null = 0): ModelTotals {
  return { input, output, cacheRead: 0, cacheWrite: 0, costUsd };
}

describe("what was delivered of a turn", () => {
  it("adds up messages, by model", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { input_tokens: 10, output_tokens: 1 }, "closed");
    delivered.note("2", "sonnet", { input_tokens: 20, output_tokens: 2 }, "closed");
    delivered.note("3", "haiku", { input_tokens: 5, output_tokens: 3 }, "closed");
    expect(delivered.totals()).to.deep.equal({ sonnet: row(30, 3, null), haiku: row(5, 3, null) });
  });

  it("a later note of a message replaces what it names and keeps the rest", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 7 }, "open");
    delivered.note("1", "sonnet", { input_tokens: null, output_tokens: 40 }, "closed");
    expect(delivered.totals()).to.deep.equal({
      sonnet: { input: 10, output: 40, cacheRead: 7, cacheWrite: 0, costUsd: null },
    });
  });

  it("output never falls: a whole message after its stream says 1", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { output_tokens: 40 }, "closed");
    expect(delivered.note("1", "sonnet", { output_tokens: 1 }, "whole")).to.equal(false);
    expect(sumOf(delivered.totals()).output).to.equal(40);
  });

  it("a message that broke off is known as such, and can be left out", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { input_tokens: 10, output_tokens: 5 }, "closed");
    expect(delivered.cut).to.equal(false);
    delivered.note("2", "sonnet", { input_tokens: 10, output_tokens: 1 }, "open");
    expect(delivered.cut).to.equal(true);
    expect(delivered.totals("uncut")).to.deep.equal({ sonnet: row(10, 5, null) });
  });
});

describe("totals", () => {
  it("are subtracted model by model, and what did not change is left out", () => {
    const before = { sonnet: row(10, 1, 0.1), haiku: row(5, 5, 0.2) };
    const after = { sonnet: row(30, 3, 0.3), haiku: row(5, 5, 0.2), opus: row(1, 1, 0.5) };
    const used = subtract(after, before);
    expect(used).to.have.all.keys("sonnet", "opus");
    expect(used["sonnet"]).to.deep.include({ input: 20, output: 2 });
    expect(used["sonnet"]?.costUsd).to.be.closeTo(0.2, 1e-12);
    expect(sumOf(add(before, used))).to.deep.include({ input: 36, output: 9 });
  });

  it("a base that was never there shows as less than nothing", () => {
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

describe("what a process started from", () => {
  it("is none of the bases that hold more of a model than there is now, whatever the sums say", () => {
    const now = { sonnet: row(10, 2, 0.2) };
    const bases = [{ haiku: row(5, 1) }, { sonnet: row(4, 1, 0.1) }];
    expect(settle(now, { bases }, { sonnet: row(5, 1, null) })).to.deep.equal({
      base: bases[1],
      used: { sonnet: row(6, 1, 0.1) },
    });
  });
});

describe("the usage of a turn", () => {
  it("has the sums and each model's share, without the noise of floats", () => {
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

  it("that never reached the CLI is nothing, and that is no estimate", () => {
    expect(NO_USAGE).to.deep.equal({
      tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
      costUsd: 0,
      estimated: false,
      byModel: {},
    });
  });
});
