import { expect } from "chai";
import { beyondLine, callLine } from "#plugins/dashboard/call-line.js";
import { heapUsed } from "../../heap.js";

describe("a tool call in one line", () => {
  it("leaves nothing out of a short call", () => {
    for (const input of [{ command: "ls" }, { file_path: "/a" }, {}, { edits: [1, 2] }, { command: "" }])
      expect(beyondLine(input), callLine(input)).to.equal("");
  });

  it("counts the characters that are not in it", () => {
    expect(beyondLine({ command: "x".repeat(200) })).to.equal("");
    expect(beyondLine({ command: "x".repeat(5320) })).to.equal("5,120 more characters");
    expect(beyondLine({ edits: ["y".repeat(1000)] })).to.equal("814 more characters");
  });

  it("names the fields that are not in it, with short values", () => {
    const input = { file_path: "/w/a.ts", content: "z".repeat(2000), mode: 7, none: null };
    expect(beyondLine(input)).to.equal("content: 2,002 characters; mode: 7; none: null");
    const shell = { command: "make", description: "harmless", dangerouslyDisableSandbox: true };
    expect(beyondLine(shell)).to.equal('description: "harmless"; dangerouslyDisableSandbox: true');
  });

  it("keeps nothing of a long call but its line", () => {
    const before = heapUsed();
    const lines = Array.from({ length: 10 }, (_, n) => callLine({ command: `${n} ${"long ".repeat(2e5)}` }));
    expect(lines[7]).to.match(/^7 long long .* …$/);
    expect(heapUsed() - before).to.be.below(4e6);
  });

  it("stays short for a call with many or long fields", () => {
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`f${n}${"a".repeat(500)}`, n]));
    const text = beyondLine({ command: "c".repeat(1e6), ...many });
    expect(text).to.match(/^999,800 more characters; f0a+ …: 0; .*; 990 more fields$/);
    expect(text.length).to.be.lessThan(1500);
  });
});
