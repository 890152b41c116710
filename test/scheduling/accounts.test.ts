import { expect } from "chai";
import { AccountLimits } from "#scheduling/accounts.js";

const MINUTE = 60_000;

describe("accounts of a key", () => {
  let now = Date.parse("2026-03-01T12:00:00Z");
  const limits = (...names: string[]) =>
    new AccountLimits(
      () => names,
      () => now,
    );

  it("chooses the first one without a limit", () => {
    const accounts = limits("a", "b", "c");
    expect(accounts.choose("key")).to.deep.equal({ name: "a", replaceable: true });
    accounts.note("key", "a", { code: "USAGE_LIMIT" });
    expect(accounts.choose("key")).to.deep.equal({ name: "b", replaceable: true });
    accounts.note("key", "b", { code: "RATE_LIMITED" });
    expect(accounts.choose("key")).to.deep.equal({ name: "c", replaceable: false });
  });

  it("chooses none for a key without accounts", () => {
    expect(limits().choose("key")).to.equal(undefined);
  });

  it("offers a turn no account that it has tried, or that has a limit", () => {
    const accounts = limits("a", "b", "c");
    accounts.note("key", "a", { code: "RATE_LIMITED" });
    accounts.note("key", "b", { code: "RATE_LIMITED" });
    expect(accounts.choose("key", ["a"])).to.deep.equal({ name: "c", replaceable: false });
    expect(accounts.choose("key", ["a", "c"])).to.equal(undefined);
  });

  it("chooses the one whose limit is lifted first if all have one", () => {
    const accounts = limits("a", "b");
    accounts.note("key", "a", { code: "USAGE_LIMIT", resetsAt: new Date(now + 3 * MINUTE).toISOString() });
    accounts.note("key", "b", { code: "RATE_LIMITED" });
    expect(accounts.choose("key")).to.deep.equal({ name: "b", replaceable: false });
  });

  for (const [code, resetsAt, minutes] of [
    ["USAGE_LIMIT", "2026-03-01T17:00:00Z", 300],
    ["USAGE_LIMIT", undefined, 15],
    ["USAGE_LIMIT", "soon", 15],
    ["RATE_LIMITED", undefined, 1],
    ["OVERLOADED", undefined, 1],
  ] as const) {
    it(`avoids one for ${minutes} minutes after ${code}, lifted ${resetsAt}`, () => {
      now = Date.parse("2026-03-01T12:00:00Z");
      const accounts = limits("a", "b");
      accounts.note("key", "a", { code, ...(resetsAt !== undefined && { resetsAt }) });
      now += minutes * MINUTE - 1;
      expect(accounts.choose("key")?.name).to.equal("b");
      now += 1;
      expect(accounts.choose("key")?.name).to.equal("a");
    });
  }

  it("avoids none for more than 8 days, whatever the CLI says", () => {
    for (const resetsAt of ["9999-12-31T23:59:59Z", "+275760-09-13T00:00:00.000Z"]) {
      now = Date.parse("2026-03-01T12:00:00Z");
      const accounts = limits("a", "b");
      accounts.note("key", "a", { code: "USAGE_LIMIT", resetsAt });
      now += 8 * 24 * 60 * MINUTE - 1;
      expect(accounts.choose("key")?.name).to.equal("b");
      now += 1;
      expect(accounts.choose("key")?.name).to.equal("a");
    }
  });

  it("avoids none for other keys, or for none: a key's tools can speak for its CLI", () => {
    const accounts = limits("a", "b");
    accounts.note("key", "a", { code: "USAGE_LIMIT", resetsAt: new Date(now + MINUTE).toISOString() });
    expect(accounts.choose("key")?.name).to.equal("b");
    expect(accounts.choose("other")).to.deep.equal({ name: "a", replaceable: true });
    expect(accounts.choose(undefined)).to.deep.equal({ name: "a", replaceable: true });
  });

  it("distinguishes limits from other failures", () => {
    expect(AccountLimits.isLimit({ code: "OVERLOADED" })).to.equal(true);
    expect(AccountLimits.isLimit({ code: "AUTHENTICATION_FAILED" })).to.equal(false);
    expect(AccountLimits.isLimit({ code: "CONTEXT_TOO_LONG" })).to.equal(false);
    expect(AccountLimits.isLimit(undefined)).to.equal(false);
  });
});
