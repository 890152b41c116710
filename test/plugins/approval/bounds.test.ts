import { mkdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { expect } from "chai";
import { compileRules, decide, type RuleConfig } from "#plugins/approval/rules/index.js";
import { Folders, NO_DEADLINE_MS, verdictOf } from "./folders.js";

/** As long as a path can be, of as many folders as it can name. */
const DEEP = "a/".repeat(2_030);

/** Far above the time needed now, far below the time needed before the fix, so that a slow machine does not fail. */
const HELD_MS = 5_000;

describe("approval: limits of rules", () => {
  const folders = new Folders();
  before(() => mkdirSync(`${folders.workdir}/${"a/".repeat(200)}`, { recursive: true }));
  after(() => folders.remove());

  const rules: readonly RuleConfig[] = [
    { deny: "Read(.env)" },
    { deny: "Read(**/secrets/**)" },
    { deny: "Bash(rm * * * * -rf *)" },
    ...Array.from({ length: 50 }, (_, at) => ({ deny: `Bash(git * x${at} * y)` })),
    { allow: "Bash" },
    { allow: "Read" },
    { allow: "mcp__files" },
  ];

  /** The ruling, and for how long, in ms, nothing else could run meanwhile. */
  async function ruled(tool: string, input: Readonly<Record<string, unknown>>) {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const { verdict } = await folders.call(tool, input, rules);
    delay.disable();
    return { verdict, heldMs: delay.max / 1e6 };
  }

  const files = (count: number) => Array.from({ length: count }, (_, at) => `${DEEP}${at}`).join(" ");
  const calls: readonly (readonly [string, string, Readonly<Record<string, unknown>>, string?])[] = [
    ["three paths of 2,031 folders", "Bash", { command: `cat ${files(3)}` }, "allow"],
    ["seven of them", "Bash", { command: `cat ${files(7)}` }],
    ["16 folders to count them from", "Bash", { command: `${"cd a; ".repeat(16)}cat ${files(3)}` }],
    ["folders that double up", "Bash", { command: `${"cd a || cd b || ".repeat(12)}cat ${files(2)}` }],
    ["all the climbing that a path can hold", "Bash", { command: `cat ${"a/../".repeat(800)}x` }, "allow"],
    ["many paths", "Bash", { command: `cat ${"a/b/c/d/e/f/g ".repeat(2_000)}` }],
    ["paths between signs", "Bash", { command: `cat ${"a/b=c/d:e/f,".repeat(300)}` }, "allow"],
    ["a word that is longer than any path", "Bash", { command: `cat --x=${",".repeat(5_000)}` }],
    ["16,000 words in commands of 200", "Bash", { command: `${`a ${"b ".repeat(198)}; `.repeat(80)}x` }],
    ["one of 200 words, many times", "Bash", { command: `git ${"x1 ".repeat(198)}; `.repeat(40) }],
    ["substitutions in each other", "Bash", { command: "$(".repeat(5_000) }],
    [
      "a tool with thousands of paths",
      "mcp__files__read",
      {
        paths: Array(5_000)
          .fill(0)
          .map((_, at) => `./${at}`),
      },
    ],
    ["an input with no end of layers", "mcp__files__read", nested(5_000)],
  ];

  for (const [what, tool, input, expected = "ask"] of calls) {
    it(`${expected}: ${what}, without blocking`, async () => {
      const { verdict, heldMs } = await ruled(tool, input);
      expect(verdict).to.equal(expected);
      expect(heldMs).to.be.below(HELD_MS);
    });
  }

  it("asks for a file below too many folders, and allows one below 200", async () => {
    expect(await verdictOf(folders.call("Read", { file_path: `${"a/".repeat(200)}x` }, rules))).to.equal(
      "allow",
    );
    expect((await ruled("Read", { file_path: `${DEEP}x` })).heldMs).to.be.below(HELD_MS);
  });

  it("refuses a protected place, whatever else is named before it", async () => {
    const ledger = folders.path("gateway/data/ledger.sqlite");
    const { verdict } = await ruled("Bash", { command: `cat ${files(3)} ${ledger}` });
    expect(verdict).to.equal("deny");
  });

  it("asks if it does not finish within its deadline", async () => {
    const call = { tool: "Read", input: { file_path: "notes.txt" }, workdir: folders.workdir };
    const late = decide(call, compileRules(rules), folders.guarded, 1);
    // Over before the event loop can hear the file system's first answer.
    for (const until = performance.now() + 20; performance.now() < until; );
    expect(await late).to.deep.equal({ verdict: "ask" });
    expect(await decide(call, compileRules(rules), folders.guarded, NO_DEADLINE_MS)).to.include({
      verdict: "allow",
    });
  });

  function nested(layers: number): Readonly<Record<string, unknown>> {
    let input: Readonly<Record<string, unknown>> = { path: "./x" };
    for (let layer = 0; layer < layers; layer++) input = { more: [input, "./y"] };
    return input;
  }
});
