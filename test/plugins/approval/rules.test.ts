import { expect } from "chai";
import { compileRules, type RuleConfig } from "#plugins/approval/rules/index.js";

describe("approval: invalid rules", () => {
  const cases: readonly (readonly [RuleConfig, string])[] = [
    [{}, "a rule must have exactly one of allow, ask and deny"],
    [{ allow: "Read", deny: "Edit" }, "a rule must have exactly one of allow, ask and deny"],
    [{ allow: "Read", message: "no" }, "message is allowed only with deny"],
    [
      { allow: "" },
      "the pattern must be a tool's name, such as Read, or a name with calls in parentheses, such as Bash(npm run *)",
    ],
    [
      { allow: "Bash(npm" },
      "the pattern must be a tool's name, such as Read, or a name with calls in parentheses, such as Bash(npm run *)",
    ],
    [
      { allow: "npm run build" },
      "the pattern must be a tool's name, such as Read, or a name with calls in parentheses, such as Bash(npm run *)",
    ],
    [{ deny: "bash(rm *)" }, "unknown tool bash; did you mean Bash?"],
    [{ deny: "WEBfetch" }, "unknown tool WEBfetch; did you mean WebFetch?"],
    [{ deny: "WebFech" }, "unknown tool WebFech; did you mean WebFetch?"],
    [{ deny: "Bsh(rm *)" }, "unknown tool Bsh; did you mean Bash?"],
    [{ allow: "Red" }, "unknown tool Red; did you mean Read?"],
    [{ deny: "Bash()" }, "the parentheses must not be empty"],
    [{ deny: "Bash(' )" }, "' is not closed"],
    [
      { deny: "Bash(rm x; ls)" },
      "the pattern must be one simple command, got ;, which joins commands or expands; quote it if you mean the character",
    ],
    [
      { deny: "Bash(echo $HOME)" },
      "the pattern must be one simple command, got $, which joins commands or expands; quote it if you mean the character",
    ],
    [{ allow: "Bash(* --version)" }, "an allow pattern must name the whole command, such as Bash(npm *)"],
    [{ allow: "Bash(git*)" }, "an allow pattern must name the whole command, such as Bash(npm *)"],
    [
      { deny: "Bash(r\u200bm *)" },
      "the pattern must not contain invisible characters, got Bash(r\\u{200b}m *)",
    ],
    [{ allow: "Write(/srv/**)" }, "write Write(/srv/**) as Edit(/srv/**): Edit rules cover Write"],
    [{ allow: "Grep(/srv/**)" }, "write Grep(/srv/**) as Read(/srv/**): Read rules cover Grep"],
    [{ allow: "Read(/srv/../etc)" }, "a path pattern must not contain .."],
    [{ allow: "Read(/srv/a**)" }, "** must be a whole segment of the path"],
    [{ allow: "Read(/srv/[ab])" }, "a path pattern must use no wildcards but * and **, got ["],
    [
      { allow: "Read(~root/x)" },
      "~ must be followed by /; only the gateway's own home folder is supported: ~/…",
    ],
    [
      { allow: "WebFetch(example.org)" },
      "the pattern must name a domain, as in WebFetch(domain:example.org)",
    ],
    [{ allow: "WebFetch(domain:*)" }, 'the domain must be a host name, got "*"'],
    [{ allow: "WebSearch(x)" }, "a pattern for WebSearch must not have parentheses"],
    [{ allow: "mcp__github(x)" }, "a pattern for an MCP tool must not have parentheses"],
    [{ allow: "mcp__*" }, "the pattern must be mcp__server, mcp__server__tool or mcp__server__*"],
    [{ allow: "Web*" }, "only names of MCP tools can contain a wildcard, such as mcp__github__*"],
  ];

  for (const [rule, reason] of cases) {
    it(`${JSON.stringify(rule)}: ${reason}`, () => {
      const expected = `rules: number 2, ${JSON.stringify(rule)}: ${reason}`;
      expect(() => compileRules([{ allow: "Read" }, rule])).to.throw(Error, expected);
    });
  }

  it("accepts rules for unknown tools, which a newer CLI may have", () => {
    for (const allow of ["LSP", "SuggestBackgroundPR", "ListMcpResourcesTool", "Teleport"]) {
      expect(compileRules([{ allow }])).to.have.length(1);
    }
  });

  it("reports one invalid rule at a time, and keeps valid rules in order", () => {
    const rules = compileRules([{ allow: "Read" }, { ask: "Bash(npm run *)" }, { deny: "mcp__github__*" }]);
    expect(rules.map(({ name }) => name)).to.deep.equal([
      "allow Read",
      "ask Bash(npm run *)",
      "deny mcp__github__*",
    ]);
  });
});
