import { expect } from "chai";
import type { RuleConfig } from "#plugins/approval/rules/index.js";
import { processorMs } from "../../processor-time.js";
import { Folders, verdictOf } from "./folders.js";

describe("approval: rules for commands", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const cases: readonly (readonly [string, readonly RuleConfig[], string, "allow" | "ask" | "deny"])[] = [
    ["a command in full", [{ allow: "Bash(git status)" }], "git status", "allow"],
    ["spaces between words do not matter", [{ allow: "Bash(git status)" }], "git   status", "allow"],
    ["quotes around a plain word do not matter", [{ allow: "Bash(git status)" }], "git 'status'", "allow"],
    ["more arguments than the pattern has", [{ allow: "Bash(git status)" }], "git status -s", "ask"],
    [
      "a trailing wildcard matches any words",
      [{ allow: "Bash(npm run *)" }],
      "npm run build -- --watch",
      "allow",
    ],
    ["and for none", [{ allow: "Bash(npm run *)" }], "npm run", "allow"],
    ["but not for half a word", [{ allow: "Bash(npm run *)" }], "npm runner", "ask"],
    ["the older form of a trailing wildcard", [{ allow: "Bash(npm run:*)" }], "npm run build", "allow"],
    [
      "a wildcard within the last word",
      [{ allow: "Bash(npm run test*)" }],
      "npm run test:unit --bail",
      "allow",
    ],
    ["a wildcard in the middle", [{ allow: "Bash(git * main)" }], "git diff main", "allow"],
    ["does not match an empty list", [{ allow: "Bash(git * main)" }], "git main", "ask"],
    ["one word that reads like two", [{ allow: "Bash(npm run build)" }], "npm 'run build'", "ask"],
    ["a quoted word in a pattern", [{ allow: "Bash(git commit -m 'a b')" }], 'git commit -m "a b"', "allow"],
    ["an escaped wildcard is a star", [{ allow: "Bash(echo \\*)" }], "echo '*'", "allow"],
    ["and nothing else", [{ allow: "Bash(echo \\*)" }], "echo a", "ask"],
    [
      "letters of all languages in quotes",
      [{ allow: "Bash(git commit *)" }],
      "git commit -m 'größer, 大きい'",
      "allow",
    ],
    [
      "every part allowed",
      [{ allow: "Bash(npm test)" }, { allow: "Bash(tail *)" }],
      "npm test | tail -n 5",
      "allow",
    ],
    ["one part not", [{ allow: "Bash(npm test)" }], "npm test | tail -n 5", "ask"],
    ["the first match wins", [{ allow: "Bash(rm a.tmp)" }, { deny: "Bash(rm *)" }], "rm a.tmp", "allow"],
    ["for each part", [{ allow: "Bash(rm a.tmp)" }, { deny: "Bash(rm *)" }], "rm a.tmp; rm b", "deny"],
    [
      "an ask before an allow",
      [{ ask: "Bash(npm publish *)" }, { allow: "Bash(npm *)" }],
      "npm publish",
      "ask",
    ],
    [
      "an allow before a deny",
      [{ allow: "Bash(npm *)" }, { deny: "Bash(npm publish *)" }],
      "npm publish",
      "allow",
    ],
    ["a bare name is every command", [{ allow: "Bash" }], "cd src && ls *.txt > out &", "allow"],
    ["so is a lone wildcard", [{ allow: "Bash(*)" }], "make $TARGET", "allow"],
    ["a bare deny", [{ deny: "Bash" }], "git status", "deny"],
    ["a deny with its wildcard in front", [{ deny: "Bash(* --force)" }], "npm publish --force", "deny"],
    ["a deny whose wildcard reaches over words", [{ deny: "Bash(git*force)" }], "git push -u force", "deny"],
    [
      "a wrapper needs to be named whole",
      [{ allow: "Bash(timeout *)" }, { allow: "Bash(npm test)" }],
      "timeout 5 npm test",
      "ask",
    ],
    ["and then is allowed", [{ allow: "Bash(timeout 5 npm test)" }], "timeout 5 npm test", "allow"],
    [
      "what it runs can still be denied",
      [{ deny: "Bash(rm *)" }, { allow: "Bash(nice rm x)" }],
      "nice rm x",
      "deny",
    ],
    [
      "what changes later words needs to be named whole",
      [{ allow: "Bash(cd *)" }, { allow: "Bash(git status)" }],
      "cd src && git status",
      "ask",
    ],
    ["and so does a file of commands", [{ allow: "Bash(. *)" }], ". ./setup.sh", "ask"],
    [
      "which then is allowed",
      [{ allow: "Bash(cd src)" }, { allow: "Bash(git status)" }],
      "cd src && git status",
      "allow",
    ],
    [
      "what does not parse may be anything",
      [{ deny: "Bash(rm *)" }, { allow: "Bash" }],
      "if true; then ls",
      "ask",
    ],
    ["both ends of a word need their own letters", [{ allow: "Bash(echo ab*ba)" }], "echo aba", "ask"],
    ["nothing at all", [{ allow: "Bash(git *)" }], "", "ask"],
    ["no rule", [], "git status", "ask"],
  ];

  for (const [what, rules, command, verdict] of cases) {
    it(`${what}: ${JSON.stringify(command)} is ${verdict}`, async () => {
      expect(await folders.call("Bash", { command }, rules)).to.include({ verdict });
    });
  }

  it("ignores harmless fields and asks for all others", async () => {
    const rules = [{ allow: "Bash(git status)" }];
    const call = (more: object) => verdictOf(folders.call("Bash", { command: "git status", ...more }, rules));
    expect(await call({ description: "See what changed", timeout: 5000, run_in_background: false })).to.equal(
      "allow",
    );
    expect(await call({ run_in_background: true })).to.equal("ask");
    expect(await call({ dangerouslyDisableSandbox: true })).to.equal("ask");
    expect(await call({ shell: "zsh" })).to.equal("ask");
  });

  it("asks for an unknown field, whatever a rule allows", async () => {
    const ledger = folders.path("gateway/data/ledger.sqlite");
    for (const more of [
      { _simulatedSedEdit: { filePath: ledger, newContent: "" } },
      { shell: "zsh" },
      { cwd: "/" },
    ]) {
      const input = { command: "git status", ...more };
      expect(
        await verdictOf(folders.call("Bash", input, [{ allow: "Bash" }])),
        JSON.stringify(more),
      ).to.equal("ask");
    }
  });

  it("never lets a rule leave the sandbox", async () => {
    const input = { command: "git status", dangerouslyDisableSandbox: true };
    expect(await folders.call("Bash", input, [{ allow: "Bash" }])).to.deep.equal({ verdict: "ask" });
  });

  it("applies deny rules for Bash to other shell tools, and allow rules only to Bash", async () => {
    const rules = [{ deny: "Bash(rm *)" }, { allow: "Bash(git status)" }];
    expect(await folders.call("Monitor", { command: "tail -f log; rm x" }, rules)).to.include({
      verdict: "deny",
    });
    expect(await folders.call("Monitor", { command: "git status" }, rules)).to.include({ verdict: "ask" });
    expect(await folders.call("Monitor", { command: "git status" }, [{ allow: "Monitor" }])).to.include({
      verdict: "allow",
    });
  });

  it("asks for a command that names a file denied to file tools", async () => {
    const rules = [{ deny: "Read(.env)" }, { allow: "Bash(cat *)" }];
    expect(await folders.call("Bash", { command: "cat .env" }, rules)).to.deep.equal({
      verdict: "ask",
      rule: "deny Read(.env)",
    });
    expect(await folders.call("Bash", { command: "cat notes.txt" }, rules)).to.include({ verdict: "allow" });
  });

  it("decides slow input quickly, and asks", async () => {
    const rules = [{ deny: "Bash(rm * * * * -rf *)" }, { allow: "Bash" }];
    const commands = [
      `a ${"b ".repeat(5_000)}`,
      "a;".repeat(50_000),
      `${"$(".repeat(20_000)}${")".repeat(20_000)}`,
      `${"bash -c '".repeat(5_000)}`,
      `echo ${'"$(echo '.repeat(200)}x${')"'.repeat(200)}`,
      "x".repeat(1_000_000),
    ];
    for (const command of commands) {
      const started = processorMs();
      expect(await verdictOf(folders.call("Bash", { command }, rules))).to.be.oneOf(["ask", "allow"]);
      expect(processorMs() - started).to.be.below(5_000);
    }
  });
});
