import type { ModelTotals, TotalsByModel } from "@claudeway/ports";
import { expect } from "chai";
import { NO_USAGE } from "#core/turns/usage.js";
import { settle } from "#engine-claude/bases.js";
import {
  add,
  covers,
  DeliveredUsage,
  estimatedUsage,
  isPossible,
  reportedUsage,
  subtract,
  sumOf,
} from "#engine-claude/usage.js";

function row(input: number, output: number, costUsd: number | null = 0): ModelTotals {
  return { input, output, cacheRead: 0, cacheWrite: 0, costUsd };
}

function delivered(all: TotalsByModel) {
  return { all, uncut: all };
}

describe("what was delivered of a turn", () => {
  it("adds up messages, by model", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { input_tokens: 10, output_tokens: 1 }, "closed");
    delivered.note("2", "sonnet", { input_tokens: 20, output_tokens: 2 }, "closed");
    delivered.note("3", "haiku", { input_tokens: 5, output_tokens: 3 }, "closed");
    expect(delivered.totals()).to.deep.equal({ sonnet: row(30, 3, null), haiku: row(5, 3, null) });
  });

  it("later counts of a message replace earlier ones and keep the rest", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 7 }, "open");
    delivered.note("1", "sonnet", { input_tokens: null, output_tokens: 40 }, "closed");
    expect(delivered.totals()).to.deep.equal({
      sonnet: { input: 10, output: 40, cacheRead: 7, cacheWrite: 0, costUsd: null },
    });
  });

  it("output never decreases: a complete message after its stream has 1", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { output_tokens: 40 }, "closed");
    expect(delivered.note("1", "sonnet", { output_tokens: 1 }, "whole")).to.equal(false);
    expect(sumOf(delivered.totals()).output).to.equal(40);
  });

  it("a message that broke off is marked, and can be omitted", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { input_tokens: 10, output_tokens: 5 }, "closed");
    expect(delivered.cut).to.equal(false);
    delivered.note("2", "sonnet", { input_tokens: 10, output_tokens: 1 }, "open");
    expect(delivered.cut).to.equal(true);
    expect(delivered.totals("uncut")).to.deep.equal({ sonnet: row(10, 5, null) });
  });
});

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

describe("what was delivered beside the report", () => {
  const broken = (messages: readonly (readonly [string, number, "open" | "closed" | "whole"])[]) => {
    const usage = new DeliveredUsage();
    for (const [id, input, state] of messages) {
      usage.note(id, "sonnet", { input_tokens: input, output_tokens: 1 }, state);
    }
    return usage;
  };

  it("is the broken-off message that no report has", () => {
    const usage = broken([
      ["counted", 10, "open"],
      ["closed", 20, "closed"],
      ["left out", 30, "open"],
    ]);
    const { unreported, ahead } = usage.beside({ sonnet: row(30, 9) }, {});
    expect(unreported).to.deep.equal({ sonnet: row(30, 1, null) });
    expect(ahead).to.deep.equal({});
  });

  it("is empty if the report covers everything, by any name of the model", () => {
    const usage = broken([["1", 10, "open"]]);
    expect(usage.beside({ "sonnet[1m]": row(10, 3) }, {}).unreported).to.deep.equal({});
    expect(usage.beside({ sonnet: row(10, 3) }, {}).unreported).to.deep.equal({});
  });

  it("finds a subagent's message that an error followed, under the outputs that only the report knows", () => {
    const usage = broken([
      ["tool call", 11, "whole"],
      ["left out", 26, "whole"],
    ]);
    usage.doubt("left out");
    expect(usage.beside({ sonnet: row(11, 40) }, {}).unreported).to.deep.equal({ sonnet: row(26, 1, null) });
  });

  it("is the usage without output, also beside outputs known only to the report", () => {
    const usage = broken([["empty", 10, "open"]]);
    usage.leaveEmpty("empty");
    expect(usage.beside({ sonnet: row(1600, 17) }, {}).unreported).to.deep.equal({
      sonnet: row(10, 1, null),
    });
    expect(usage.beside({ sonnet: row(10, 1) }, {}).unreported, "counted").to.deep.equal({});
  });

  it("leaves a complete message to the next report, without a gap later", () => {
    const { unreported, ahead } = broken([["1", 10, "whole"]]).beside({}, {});
    expect(unreported).to.deep.equal({});
    expect(sumOf(ahead).input).to.equal(10);
    const next = broken([["2", 5, "open"]]).beside({ sonnet: row(10, 3) }, ahead);
    expect(next.unreported).to.deep.equal({ sonnet: row(5, 1, null) });
    expect(next.ahead).to.deep.equal({});
  });
});

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
