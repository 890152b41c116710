import { expect } from "chai";
import { compileRules, type RuleConfig } from "#plugins/approval/rules/index.js";

describe("approval: wrong rules", () => {
  const cases: readonly (readonly [RuleConfig, string])[] = [
    [{}, "a rule has exactly one of allow, ask and deny"],
    [{ allow: "Read", deny: "Edit" }, "a rule has exactly one of allow, ask and deny"],
    [{ allow: "Read", message: "no" }, "a message goes with deny"],
    [{ allow: "" }, "it takes a tool's name, as Read, or a name and what it may do, as Bash(npm run *)"],
    [
      { allow: "Bash(npm" },
      "it takes a tool's name, as Read, or a name and what it may do, as Bash(npm run *)",
    ],
    [
      { allow: "npm run build" },
      "it takes a tool's name, as Read, or a name and what it may do, as Bash(npm run *)",
    ],
    [{ deny: "bash(rm *)" }, "the tool is called Bash"],
    [{ deny: "WEBfetch" }, "the tool is called WebFetch"],
    [{ deny: "WebFech" }, "there is no tool WebFech; it is probably WebFetch"],
    [{ deny: "Bsh(rm *)" }, "there is no tool Bsh; it is probably Bash"],
    [{ allow: "Red" }, "there is no tool Red; it is probably Read"],
    [{ deny: "Bash()" }, "there is nothing between its parentheses"],
    [{ deny: "Bash(' )" }, "' is not closed"],
    [
      { deny: "Bash(rm x; ls)" },
      "a pattern is one simple command, and ; joins or expands; quote it if it is a plain character",
    ],
    [
      { deny: "Bash(echo $HOME)" },
      "a pattern is one simple command, and $ joins or expands; quote it if it is a plain character",
    ],
    [{ allow: "Bash(* --version)" }, "a pattern that allows names the command in full, as Bash(npm *)"],
    [{ allow: "Bash(git*)" }, "a pattern that allows names the command in full, as Bash(npm *)"],
    [{ deny: "Bash(r\u200bm *)" }, "it holds a character that does not show: Bash(r\\u{200b}m *)"],
    [{ allow: "Write(/srv/**)" }, "paths are given to Edit, which covers Write: Edit(/srv/**)"],
    [{ allow: "Grep(/srv/**)" }, "paths are given to Read, which covers Grep: Read(/srv/**)"],
    [{ allow: "Read(/srv/../etc)" }, "a path pattern takes no .."],
    [{ allow: "Read(/srv/a**)" }, "** stands for whole folders: it has a segment to itself"],
    [{ allow: "Read(/srv/[ab])" }, "[ has no meaning in a path pattern; it takes * and **"],
    [{ allow: "Read(~root/x)" }, "~ stands for the gateway's own home folder only: ~/…"],
    [{ allow: "WebFetch(example.org)" }, "it takes a domain, as in WebFetch(domain:example.org)"],
    [{ allow: "WebFetch(domain:*)" }, '"*" is no domain name'],
    [{ allow: "WebSearch(x)" }, "WebSearch takes nothing in parentheses"],
    [{ allow: "mcp__github(x)" }, "a pattern for an MCP tool takes nothing in parentheses"],
    [{ allow: "mcp__*" }, "it takes mcp__server, mcp__server__tool or mcp__server__*"],
    [{ allow: "Web*" }, "a wildcard in a tool's name is for MCP servers: mcp__github__*"],
  ];

  for (const [rule, reason] of cases) {
    it(`${JSON.stringify(rule)}: ${reason}`, () => {
      const expected = `rules: number 2, ${JSON.stringify(rule)}: ${reason}`;
      expect(() => compileRules([{ allow: "Read" }, rule])).to.throw(Error, expected);
    });
  }

  it("a tool that is not known here may have rules: a newer CLI may have it", () => {
    for (const allow of ["LSP", "SuggestBackgroundPR", "ListMcpResourcesTool", "Teleport"]) {
      expect(compileRules([{ allow }])).to.have.length(1);
    }
  });

  it("are refused one at a time; right ones are kept in their order", () => {
    const rules = compileRules([{ allow: "Read" }, { ask: "Bash(npm run *)" }, { deny: "mcp__github__*" }]);
    expect(rules.map(({ name }) => name)).to.deep.equal([
      "allow Read",
      "ask Bash(npm run *)",
      "deny mcp__github__*",
    ]);
  });
});
