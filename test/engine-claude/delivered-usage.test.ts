import type { ModelTotals } from "@claudeway/ports";
import { expect } from "chai";
import { DeliveredUsage } from "#engine-claude/delivered-usage.js";
import { sumOf } from "#engine-claude/totals.js";
import { processorMs } from "../processor-time.js";

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

describe("what was delivered of a turn with many messages", () => {
  const many = () => {
    const delivered = new DeliveredUsage();
    for (let n = 0; n < 19_900; n++)
      delivered.note(`${n}`, `model-${n % 100}`, { input_tokens: n + 1, output_tokens: 1 }, "open");
    return delivered;
  };

  it("costs as little with each further count as that of any turn", () => {
    const delivered = many();
    const before = processorMs();
    for (let output = 2; output < 5000; output++) {
      expect(delivered.note("7", "model-7", { output_tokens: output }, "open")).to.equal(true);
      expect(delivered.totals()["model-7"]?.output).to.equal(198 + output);
    }
    expect(processorMs() - before, "ms for 5,000 counts").to.be.below(1000);
  });

  it("costs as little with each further message of a subagent in the background", () => {
    const delivered = many();
    const before = processorMs();
    for (let n = 0; n < 5000; n++) expect(delivered.latest(2).at(-1)?.id).to.equal("19899");
    expect(processorMs() - before, "ms for the latest of 5,000 messages").to.be.below(500);
  });

  it("costs little where it is held against a report that has none of it", () => {
    const delivered = many();
    const before = processorMs();
    const { unreported, ahead } = delivered.beside({}, {});
    expect(sumOf(unreported)).to.deep.equal(sumOf(delivered.totals()));
    expect(ahead).to.deep.equal({});
    expect(delivered.uncounted({}).count).to.equal(19_900);
    expect(processorMs() - before, "ms").to.be.below(1500);
  });

  it("has its models in the order of their first messages", () => {
    const delivered = new DeliveredUsage();
    for (const output of [1, 2])
      for (const model of ["sonnet", "haiku"])
        delivered.note(model, model, { input_tokens: 1, output_tokens: output }, "open");
    expect(Object.keys(delivered.totals())).to.deep.equal(["sonnet", "haiku"]);
  });

  it("has the same totals, whichever model a message is of in the end", () => {
    const delivered = new DeliveredUsage();
    delivered.note("1", "sonnet", { input_tokens: 10, output_tokens: 1 }, "open");
    delivered.note("2", "sonnet", { input_tokens: 20, output_tokens: 2 }, "open");
    delivered.note("1", "opus", { input_tokens: 10, output_tokens: 5 }, "closed");
    expect(delivered.totals()).to.deep.equal({ sonnet: row(20, 2, null), opus: row(10, 5, null) });
    delivered.note("2", "opus", { output_tokens: 7 }, "closed");
    expect(delivered.totals()).to.deep.equal({ opus: row(30, 12, null) });
    expect(delivered.totals("uncut")).to.deep.equal(delivered.totals());
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
