import { spellHidden } from "@claudeway/core";
import { expect } from "chai";
import { diffLines } from "../../../plugins/dashboard/web/src/lib/diff.js";
import { runsOf } from "../../../plugins/dashboard/web/src/lib/signs.js";

describe("dashboard: showing a change", () => {
  it("computes a minimal line diff", () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * below);
    };
    const text = () => Array.from({ length: random(12) }, () => "abc"[random(3)]);
    for (let round = 0; round < 500; round++) {
      const [before, after] = [text(), text()];
      const lines = diffLines(before.join("\n"), after.join("\n"));
      const side = (gone: "gone" | "new") =>
        lines.filter(({ kind }) => kind !== gone).map((line) => line.text);
      expect(side("new")).to.deep.equal(before);
      expect(side("gone")).to.deep.equal(after);
      expect(lines.filter(({ kind }) => kind === "same")).to.have.length(longestCommon(before, after));
    }
  });

  it("replaces everything if the texts have nothing in common", () => {
    const [before, after] = ["a\n".repeat(3000), "b\n".repeat(3000)];
    expect(diffLines(before, after)).to.have.length(6000);
  });

  const shown = (text: string) =>
    runsOf(text)
      .map((run) => (run.hidden ? `[${run.text}]` : run.text))
      .join("");

  it("shows letters that look Latin among Latin ones by code point, as the other channels do", () => {
    for (const text of [
      "./de\u0440loy.sh \u03bfut.txt",
      "\uff43url g\u{1d422}t \u0261it\u200b",
      "cat отчёт.txt 'Δοκιμή' ｆｕｌｌ 5 μ, привет_world, µs, naïve",
    ])
      expect(shown(text), text).to.equal(spellHidden(text).replaceAll("⟨", "[").replaceAll("⟩", "]"));
  });

  it("shows invisible characters by code point and keeps emoji whole", () => {
    expect(shown("a\u202eb\u200bc\u0000\ufeff\u{e0041}")).to.equal(
      "a[U+202E]b[U+200B]c[U+0000][U+FEFF][U+E0041]",
    );
    expect(shown("tab\tline\r\nnext")).to.equal("tab\tline\r\nnext");
    expect(shown("👩‍👩‍👧 ❤️ é עברית")).to.equal("👩‍👩‍👧 ❤️ é עברית");
    expect(shown("x\u200dy")).to.equal("x[U+200D]y");
  });
});

function longestCommon(a: readonly unknown[], b: readonly unknown[]): number {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  const at = (i: number, j: number) => table[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const row = table[i] ?? [];
      row[j] = a[i - 1] === b[j - 1] ? at(i - 1, j - 1) + 1 : Math.max(at(i - 1, j), at(i, j - 1));
    }
  }
  return at(a.length, b.length);
}
