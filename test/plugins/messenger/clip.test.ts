import { expect } from "chai";
import { clip } from "#messenger/split.js";
import { SIZES } from "#plugins/telegram/html.js";

describe("the beginning of a text", () => {
  it("is cut from megabytes as fast as from less", () => {
    const hidden = "⟨U+202E⟩".repeat(500_000);
    const began = process.cpuUsage();
    expect(clip(hidden, 2800, SIZES)).to.have.length.within(2700, 2800);
    const { user, system } = process.cpuUsage(began);
    expect((user + system) / 1000).to.be.below(500);
  });

  it("is the first visible part, cut at a line or a word, however much blank space is before it", () => {
    for (const blank of ["", "\n".repeat(100_000), " ".repeat(100_000), " \n\t\n".repeat(50_000)]) {
      expect(clip(`${blank}rm -rf /\n${"x".repeat(5000)}`, 20, SIZES).trim()).to.match(/^rm -rf \/\s*x*$/);
      expect(clip(`${blank}one two\nthree`, 12, SIZES).trim()).to.equal("one two");
      expect(clip(`${blank}one two three`, 9, SIZES).trim()).to.equal("one two");
    }
  });

  it("is all of a short text, and nothing of a blank one", () => {
    expect(clip("a\n  b", 100, SIZES)).to.equal("a\n  b");
    expect(clip(" \n \n", 100, SIZES)).to.equal("");
  });
});
