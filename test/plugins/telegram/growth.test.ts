import { expect } from "chai";
import { parseMarkdown } from "#messenger/markdown.js";
import { MAX_RENDERED, messagesOf } from "#messenger/split.js";
import { SIZES, toHtml } from "#plugins/telegram/html.js";

/** Elements of Markdown, and input that trips parsers. */
const PIECES =
  "[x] |[|](http://a)|](|![|*|**|_|~~|`|``|> |- |1. |\n|\n\n|    |<|<http://a>|http://a |x|\\|&amp;|# |---\n|```\n|~~~\n|*a |a**|_a|]|(|)|[a]: b\n|\n> |\n- |  - |<!--|é"
    .split("|")
    .concat("|", "|-|\n", "|a|\n|-|\n");

const SMALL = 16_000;
const FACTOR = 4;
/** Allowed growth of work for four times the text. Quadratic work grows sixteenfold. */
const MAX_GROWTH = 9;
/** Measurements below this are noise, in ms of processor time. */
const NOISE_MS = 40;
const TRIES = 4;

function cpuMs(text: string): number {
  const began = process.cpuUsage();
  parseMarkdown(text);
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

/** Ratio of the work for a larger text to that for a small one; the minimum of several measurements. */
function growthOf(make: (length: number) => string): number {
  const [small, large] = [make(SMALL), make(SMALL * FACTOR)];
  let growth = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && growth > MAX_GROWTH; i++) {
    const ms = cpuMs(large);
    growth = Math.min(growth, ms < NOISE_MS ? FACTOR : ms / Math.max(cpuMs(small), 1));
  }
  return growth;
}

const repeat = (piece: string, length: number) => piece.repeat(Math.ceil(length / piece.length));

/** Pseudo-random numbers from 0 to below `limit`, the same in each run. */
function sequence(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

describe("telegram's Markdown", () => {
  const KNOWN: readonly (readonly [what: string, make: (length: number) => string])[] = [
    ["boxes before one link", (n) => `${repeat("[x] ", n)}](http://a)`],
    ["links in links", (n) => `${repeat("[", n / 2)}${repeat("](http://a)", n / 2)}`],
    ["images that never end", (n) => repeat("![a](<b", n)],
    ["nested quotes", (n) => repeat("> ", n)],
    ["nested quotes and lists", (n) => repeat("> - ", n)],
    [
      "nested lists, line by line",
      (n) => Array.from({ length: n ** 0.5 }, (_, i) => `${" ".repeat(i)}- x`).join("\n"),
    ],
    ["emphasis that never closes", (n) => repeat("*a _b **c ", n)],
    ["runs of backticks", (n) => Array.from({ length: n ** 0.5 }, (_, i) => "`".repeat(i)).join(" ")],
    [
      "a table with many columns",
      (n) => `${repeat("a|", n / 3)}\n${repeat("-|", n / 3)}\n${repeat("b|", n / 3)}`,
    ],
    [
      "a table with short rows",
      (n) => `${repeat("a|", n / 3)}\n${repeat("-|", n / 3)}\n${repeat("b\n", n / 3)}`,
    ],
    ["definitions", (n) => repeat("[a]: b 'c\n", n)],
  ];
  for (const [what, make] of KNOWN) {
    it(`renders in linear time: ${what}`, () => {
      expect(growthOf(make)).to.be.at.most(MAX_GROWTH);
    });
  }

  it("renders any mix of elements in linear time", () => {
    const seed = Number(process.env["FUZZ_SEED"] ?? 1);
    const next = sequence(seed);
    for (let i = 0; i < 60; i++) {
      const pieces = Array.from({ length: 2 + next(3) }, () => PIECES[next(PIECES.length)] ?? "");
      const half = 1 + next(pieces.length);
      const make = (length: number) =>
        i % 2 === 0
          ? repeat(pieces.join(""), length)
          : repeat(pieces.slice(0, half).join(""), length / 2) +
            repeat(pieces.slice(half).join("") || "x", length / 2);
      expect(growthOf(make), `seed ${seed}: ${JSON.stringify(pieces)}, ${half}`).to.be.at.most(MAX_GROWTH);
    }
  });

  it("renders up to a limit, and sends a longer answer as a file", () => {
    const text = "word ".repeat(MAX_RENDERED);
    expect(messagesOf(text, SIZES).map(toHtml).join("").length).to.be.at.most(MAX_RENDERED);
  });
});
