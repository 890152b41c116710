import { expect } from "chai";
import { toChat } from "#chat/messages.js";
import { withoutReasoning } from "#chat/reasoning.js";
import { processorMs } from "../processor-time.js";

/** What is removed. It searches the rest of a text for each opening, and is only for short ones. */
const MEANING = /<(think|thinking)>[\s\S]*?<\/\1>\s*|<details type="reasoning"[^>]*>[\s\S]*?<\/details>\s*/g;

const PIECES = [
  ..."<think> </think> <thinking> </thinking> <details </details> > < a".split(" "),
  '<details type="reasoning"',
  ' done="true">',
  " ",
  "\n",
  "\u2028",
  "<think",
  "</",
];

/** Far above the time that a linear search needs, far below that of one for each opening. */
const BUSY_MS = 300;

describe("reasoning in answers", () => {
  it("is removed with the white space after it, and stays where it is not closed", () => {
    for (const [text, left] of [
      ["<think>a</think> \n b", "b"],
      ["a <thinking>b</think></thinking>c", "a c"],
      ["<think>a<thinking>b</think>c</thinking>d", "c</thinking>d"],
      ['<details type="reasoning" done="true">a</details>\nb', "b"],
      ["<details>a</details>", "<details>a</details>"],
      ["<think>a", "<think>a"],
      ["<thinking>a<think>b</think>c", "<thinking>ac"],
      ["<think>a</think>", ""],
    ] as const)
      expect(withoutReasoning(text), text).to.equal(left);
  });

  it("is what the regular expression finds, in 20,000 texts of its pieces", () => {
    let seed = 7;
    const next = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    let changed = 0;
    for (let count = 0; count < 20_000; count++) {
      const text = Array.from({ length: next(30) }, () => PIECES[next(PIECES.length)]).join("");
      const expected = text.replace(MEANING, "");
      if (expected !== text) changed += 1;
      expect(withoutReasoning(text), JSON.stringify(text)).to.equal(expected);
    }
    expect(changed).to.be.greaterThan(2000);
  });

  for (const [name, piece, end] of [
    ["sections that are never closed", "<think>", ""],
    ["sections that another one closes", "<thinking>", "</think>"],
    ["details that are never closed", '<details type="reasoning">', ""],
    ["details without an end of their tag", '<details type="reasoning"', ""],
    ["all kinds in turn", '<think><thinking><details type="reasoning">', "</detail>"],
    ["closed sections", "<think>a</think>", "<think>"],
  ] as const)
    it(`is searched once in a text of 400 KB: ${name}`, () => {
      const text = piece.repeat(Math.ceil(400_000 / piece.length)) + end;
      const begun = processorMs();
      toChat([
        { role: "user", content: [{ type: "text", text: "q" }] },
        { role: "assistant", content: [{ type: "text", text }] },
      ]);
      expect(processorMs() - begun).to.be.below(BUSY_MS);
    });
});
