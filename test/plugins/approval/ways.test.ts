import { linkSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { RuleConfig } from "#plugins/approval/rules/index.js";
import { RUN_FILES } from "#workdirs/files/run-files.js";
import { Folders, MINE, OTHER, verdictOf } from "./folders.js";

describe("approval: ways around", () => {
  const folders = new Folders();
  before(() => {
    folders.link("around", "..");
    folders.link("ledger", folders.path("gateway/data/ledger.sqlite"));
    folders.link("my ledger", folders.path("gateway/data/ledger.sqlite"));
    folders.link("ledger ", folders.path("gateway/data/ledger.sqlite"));
    folders.link("note\u0301", folders.path("gateway/data/ledger.sqlite"));
    folders.link("logs", folders.path("gateway/logs"));
    folders.link("self", "/proc/self/cwd");
    folders.link("here", "/proc/self/cwd/package.json");
    folders.link("sources", "src");
    mkdirSync(join(folders.workdir, ".git/hooks"), { recursive: true });
    folders.link("g", ".git");
  });
  after(() => folders.remove());

  describe("commands, whatever a rule allows", () => {
    const cases: readonly (readonly [string, string, "deny" | "ask"])[] = [
      ["a link whose name ends in a space", "cat 'ledger '", "deny"],
      ["a link with a letter in two parts", "cat 'note\u0301'", "deny"],
      ["an option with a link at its end", "grep -fledger x", "deny"],
      ["a link and back from where it leads", "cat logs/../data/ledger.sqlite", "deny"],
      ["the same after cd", "cd logs; cat ../data/ledger.sqlite", "deny"],
      ["a link into /proc, which is another file for each process", "cat here", "ask"],
      ["one of two folders", `cd nowhere || cd around; cat ${OTHER}/notes.txt`, "deny"],
      ["git's folder", `git -C around show ${OTHER}`, "ask"],
      ["env's folder", `env -C around cat ${OTHER}/notes.txt`, "ask"],
      ["tar's folder", `tar -C around -cf x.tar ${OTHER}`, "ask"],
      ["more folders than are looked at", `${"cd a || cd b || ".repeat(9)}cd around; cat x`, "ask"],
    ];
    for (const [way, command, verdict] of cases) {
      it(`${verdict}: ${way}`, async () => {
        expect(await folders.call("Bash", { command }, [{ allow: "Bash" }])).to.include({ verdict });
      });
    }
  });

  describe("paths of other tools", () => {
    const everything: readonly RuleConfig[] = [{ allow: "Read" }, { allow: "Edit(./**)" }];
    const cases: readonly (readonly [string, "allow" | "ask" | "deny"])[] = [
      ["my ledger", "deny"],
      ["logs/../data/ledger.sqlite", "ask"],
      ["self/notes.txt", "ask"],
      ["here", "ask"],
      ["sources/../notes.txt", "allow"],
    ];
    for (const [path, verdict] of cases) {
      it(`${verdict}: ${path}`, async () => {
        expect(await folders.call("Read", { file_path: path }, everything)).to.include({ verdict });
        expect(await folders.call("Write", { file_path: path, content: "" }, everything)).to.include({
          verdict,
        });
      });
    }

    it("checks an MCP tool's path with spaces, and file: URLs in any spelling", async () => {
      const all = [{ allow: "mcp__files" }];
      const url = new URL(`file://${folders.path("gateway/data/ledger.sqlite")}`).href.replace(
        "data",
        "d%61ta",
      );
      for (const input of [
        { path: "./my ledger" },
        { uri: url },
        { uri: `file://${folders.workdir}/my%20ledger` },
      ])
        expect(await folders.call("mcp__files__read", input, all), JSON.stringify(input)).to.include({
          verdict: "deny",
        });
    });

    it("checks a Glob that leaves its folder by braces", async () => {
      for (const pattern of [".{.,}/*", "[.][.]/*", "{.,x}./*", "?./*/.{.,}/*"]) {
        expect(await folders.call("Glob", { pattern }), pattern).to.include({ verdict: "ask" });
      }
      for (const pattern of ["**/*.{ts,js}", "{src,lib}/*.ts", "src/.{a,b}"]) {
        expect(await folders.call("Glob", { pattern }), pattern).to.include({ verdict: "allow" });
      }
    });

    it("treats a hard link like any file, as the README says", async () => {
      linkSync(folders.path("gateway/data/ledger.sqlite"), join(folders.workdir, "hard"));
      expect(await folders.call("Read", { file_path: "hard" })).to.include({ verdict: "allow" });
    });
  });

  describe("files that tools run by themselves", () => {
    const write = (file_path: string, allow: string) =>
      verdictOf(folders.call("Write", { file_path, content: "" }, [{ allow }]));

    it("are not allowed by a wildcard alone", async () => {
      for (const path of [
        ".git/hooks/pre-commit",
        ".git/config",
        "g/config",
        "src/.git/config",
        ".GIT/config",
      ])
        expect(await write(path, "Edit(./**)"), path).to.equal("ask");
      for (const path of [".claude/settings.json", ".mcp.json", ".vscode/tasks.json", ".envrc", "a/.bashrc"])
        expect(await write(path, "Edit(./**)"), path).to.equal("ask");
    });

    it("are not allowed as parts of a bare repository, in any order", async () => {
      for (const path of ["HEAD", "sub/HEAD", "sub/head"])
        expect(await write(path, "Edit(./**)"), path).to.equal("ask");
      expect(await write("bare/config", "Edit(./**)"), "no repository").to.equal("allow");
      folders.write(`tasks/${MINE}/bare/HEAD`, "ref: refs/heads/main");
      for (const path of ["bare/config", "bare/commondir", "bare/objects/x", "bare/refs/heads/main"])
        expect(await write(path, "Edit(./**)"), path).to.equal("ask");
      expect(await write("bare/notes.txt", "Edit(./**)")).to.equal("allow");
      expect(await write("src/objects/x.ts", "Edit(./**)")).to.equal("allow");
    });

    for (const [name, source] of RUN_FILES) {
      it(`are not allowed by a wildcard: ${name}: ${source}`, async () => {
        for (const path of [name, `a/b/${name}`, `${name}/x`, name.toUpperCase()])
          expect(await write(path, "Edit(./**)"), path).to.equal("ask");
        expect(await write(`${name}x`, "Edit(./**)")).to.equal("allow");
        expect(await write(`a/${name}`, `Edit(**/${name})`), "by its name").to.equal("allow");
      });
    }

    it("each have a documented source", () => {
      for (const [name, source] of RUN_FILES) expect(source, name).to.match(/^https:\/\/\S+( \(.*\))?$/);
    });

    it("are allowed by name", async () => {
      expect(await write(".git/info/exclude", "Edit(.git/**)")).to.equal("allow");
      expect(await write("a/.vscode/tasks.json", "Edit(**/.vscode/*)")).to.equal("allow");
      expect(await write(".envrc", "Edit(./.envrc)")).to.equal("allow");
      expect(await write(".gitignore", "Edit(./**)")).to.equal("allow");
    });
  });

  it("matches a skill by the other names that the CLI accepts", async () => {
    const rules = [{ deny: "Skill(deploy)" }, { allow: "Skill" }];
    expect(await folders.call("Skill", { skill: "deploy" }, rules)).to.include({ verdict: "deny" });
    for (const skill of ["/deploy", " deploy", "deploy ", "Deploy"])
      expect(await folders.call("Skill", { skill }, rules), skill).to.include({ verdict: "ask" });
  });

  it("matches a host with trailing dots", async () => {
    const rules = [{ deny: "WebFetch(domain:example.org)" }, { allow: "WebFetch" }];
    expect(await folders.call("WebFetch", { url: "https://example.org../" }, rules)).to.include({
      verdict: "deny",
    });
  });
});
