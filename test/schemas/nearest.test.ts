import { expect } from "chai";
import { nearest } from "#schemas/index.js";

const NAMES = ["dashboard", "demo", "swagger", "telegram", "slack", "cloudflare_tunnel", "approval"];

const MEANT: readonly (readonly [string, string | undefined])[] = [
  ["dashbord", "dashboard"],
  ["dahsboard", "dashboard"],
  ["DEMO", "demo"],
  ["cloudflare-tunnel", "cloudflare_tunnel"],
  ["cloudflare", "cloudflare_tunnel"],
  ["slak", "slack"],
  ["dmeo", "demo"],
  ["xyz", undefined],
  ["", undefined],
  ["d", undefined],
  ["telegram".repeat(1000), undefined],
];

describe("nearest", () => {
  for (const [word, meant] of MEANT) {
    it(`resolves ${JSON.stringify(word.slice(0, 20))} to ${meant ?? "nothing"}`, () => {
      expect(nearest(word, NAMES)).to.equal(meant);
    });
  }

  it("prefers the nearer one of two, and the first of equals", () => {
    expect(nearest("port", ["sort", "port"])).to.equal("port");
    expect(nearest("cort", ["sort", "port"])).to.equal("sort");
    expect(nearest("word", [])).to.equal(undefined);
  });
});
