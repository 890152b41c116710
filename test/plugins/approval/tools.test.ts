import { expect } from "chai";
import type { RuleConfig } from "#plugins/approval/rules/index.js";
import { Folders, verdictOf } from "./folders.js";

describe("approval: rules for other tools", () => {
  const folders = new Folders();
  after(() => folders.remove());

  const verdict = (
    tool: string,
    input: Readonly<Record<string, unknown>>,
    rules: readonly RuleConfig[] = [],
  ) => verdictOf(folders.call(tool, input, rules));

  it("allows calls without effect by default, and asks for external and unknown tools", async () => {
    for (const tool of [
      "TodoWrite",
      "TaskCreate",
      "EnterPlanMode",
      "TaskOutput",
      "TaskStop",
      "Agent",
      "Task",
    ]) {
      expect(await verdict(tool, {}), tool).to.equal("allow");
    }
    for (const tool of [
      "WebFetch",
      "WebSearch",
      "ExitPlanMode",
      "Skill",
      "mcp__a__b",
      "AskUserQuestion",
      "Invented",
    ]) {
      expect(await verdict(tool, {}), tool).to.equal("ask");
    }
  });

  it("asks for a subagent that would run elsewhere or with other permissions", async () => {
    expect(await verdict("Agent", { prompt: "a", subagent_type: "Explore" })).to.equal("allow");
    expect(await verdict("Agent", { prompt: "a", isolation: "remote" })).to.equal("ask");
    expect(await verdict("Agent", { prompt: "a", mode: "bypassPermissions" })).to.equal("ask");
    for (const more of [{ team_name: "t", name: "n" }, { cwd: "/" }, { permissions: "all" }]) {
      expect(await verdict("Agent", { prompt: "a", ...more }), JSON.stringify(more)).to.equal("ask");
    }
  });

  describe("WebFetch", () => {
    const cases: readonly (readonly [string, string, "allow" | "ask"])[] = [
      ["domain:example.org", "https://example.org/a?b", "allow"],
      ["domain:example.org", "http://EXAMPLE.org", "allow"],
      ["domain:example.org", "https://example.org./", "allow"],
      ["domain:example.org", "https://www.example.org", "ask"],
      ["domain:example.org", "https://example.org.evil.net", "ask"],
      ["domain:example.org", "https://evil.net/example.org", "ask"],
      ["domain:example.org", "https://example.org@evil.net/", "ask"],
      ["domain:example.org", "https://evil.net\\@example.org/", "ask"],
      ["domain:example.org", "https://example\u200b.org/", "ask"],
      ["domain:example.org", "https://ex\u0430mple.org/", "ask"],
      ["domain:example.org", "file://example.org/etc/passwd", "ask"],
      ["domain:example.org", "example.org", "ask"],
      ["domain:*.example.org", "https://a.b.example.org/", "allow"],
      ["domain:*.example.org", "https://example.org/", "ask"],
      ["domain:*.example.org", "https://badexample.org/", "ask"],
    ];
    for (const [pattern, url, expected] of cases) {
      it(`(${pattern}) with ${JSON.stringify(url)}: ${expected}`, async () => {
        expect(await verdict("WebFetch", { url, prompt: "" }, [{ allow: `WebFetch(${pattern})` }])).to.equal(
          expected,
        );
      });
    }

    it("denies a domain, and asks if uncertain", async () => {
      const rules = [{ deny: "WebFetch(domain:example.org)" }, { allow: "WebFetch" }];
      expect(await verdict("WebFetch", { url: "https://example.org" }, rules)).to.equal("deny");
      expect(await verdict("WebFetch", { url: "https://example.com" }, rules)).to.equal("allow");
      expect(await verdict("WebFetch", { url: "https://a@example.org" }, rules)).to.equal("ask");
    });
  });

  it("matches an MCP server in two spellings, some of its tools, or one", async () => {
    for (const pattern of ["mcp__github", "mcp__github__*", "mcp__github__get_*", "mcp__github__get_issue"]) {
      expect(await verdict("mcp__github__get_issue", {}, [{ allow: pattern }]), pattern).to.equal("allow");
      expect(await verdict("mcp__github2__get_issue", {}, [{ allow: pattern }]), pattern).to.equal("ask");
    }
    expect(await verdict("mcp__github__delete_repo", {}, [{ allow: "mcp__github__get_*" }])).to.equal("ask");
  });

  it("matches a subagent's type under both tool names, and a skill", async () => {
    const rules = [{ deny: "Agent(Explore)" }, { allow: "Skill(review)" }];
    expect(await verdict("Agent", { subagent_type: "Explore" }, rules)).to.equal("deny");
    expect(await verdict("Task", { subagent_type: "Explore" }, rules)).to.equal("deny");
    expect(await verdict("Agent", { subagent_type: "Plan" }, rules)).to.equal("allow");
    expect(await verdict("Agent", {}, rules), "its type is not told").to.equal("ask");
    expect(await verdict("Skill", { skill: "review" }, rules)).to.equal("allow");
    expect(await verdict("Skill", { skill: "deploy" }, rules)).to.equal("ask");
  });

  it("compares names exactly", async () => {
    const rules = [{ allow: "WebSearch" }];
    for (const tool of ["websearch", "WebSearch ", "WebS\u0435arch"])
      expect(await verdict(tool, {}, rules)).to.equal("ask");
  });
});
