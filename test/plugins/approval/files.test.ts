import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { compileRules, decide, type RuleConfig } from "#plugins/approval/rules/index.js";
import { Folders, MINE, OTHER, verdictOf } from "./folders.js";

describe("approval: rules for files", () => {
  const folders = new Folders();
  before(() => {
    folders.link("out", folders.path("elsewhere"));
    folders.link("out.txt", folders.path("elsewhere/file.txt"));
    folders.link("new.txt", folders.path("elsewhere/not-there-yet.txt"));
    folders.link("chain.txt", "new.txt");
    folders.link("loop", "loop");
    folders.link("around", "..");
    folders.link("ledger", folders.path("gateway/data/ledger.sqlite"));
    folders.link("new-ledger", folders.path("gateway/data/new.sqlite"));
    mkdirSync(folders.path("site/pages"), { recursive: true });
    folders.write("site/index.html", "");
    folders.link("site", folders.path("site"));
  });
  after(() => folders.remove());

  const read = (file_path: string, rules?: readonly RuleConfig[]) =>
    verdictOf(folders.call("Read", { file_path }, rules));
  const write = (file_path: string, rules?: readonly RuleConfig[]) =>
    verdictOf(folders.call("Write", { file_path, content: "" }, rules));

  describe("without a rule", () => {
    it("allows reading in the workdir, by any of its names", async () => {
      expect(await read(join(folders.workdir, "notes.txt"))).to.equal("allow");
      expect(await read("notes.txt")).to.equal("allow");
      expect(await read("./src/../notes.txt")).to.equal("allow");
      expect(await read(join(folders.workdir, "not-there.txt"))).to.equal("allow");
    });

    it("asks for reading elsewhere, by any path", async () => {
      expect(await read(folders.path("elsewhere/file.txt"))).to.equal("ask");
      expect(await read("../../elsewhere/file.txt")).to.equal("ask");
      expect(await read("out/file.txt"), "through a folder's link").to.equal("ask");
      expect(await read("out.txt"), "through a file's link").to.equal("ask");
      expect(await read("new.txt"), "through a link to nothing yet").to.equal("ask");
      expect(await read("chain.txt"), "through two links").to.equal("ask");
      expect(await read("loop"), "around in a circle").to.equal("ask");
      expect(await read("~/.ssh/id_rsa")).to.equal("ask");
      expect(await read("/proc/self/environ")).to.equal("ask");
      expect(await read("/proc/self/cwd/notes.txt")).to.equal("ask");
      expect(await read("/dev/stdin")).to.equal("ask");
    });

    it("asks if the CLI might open another file than the named one", async () => {
      expect(await read("notes.txt "), "a space at the end").to.equal("ask");
      expect(await read("note\u0301s.txt"), "a letter in two parts").to.equal("ask");
      expect(await read("notes\u200b.txt"), "an invisible character").to.equal("ask");
      expect(await read("notes\0.txt"), "a NUL").to.equal("ask");
      expect(await read("")).to.equal("ask");
      expect(await folders.call("Read", {})).to.include({ verdict: "ask" });
      expect(await folders.call("Read", { file_path: ["notes.txt"] })).to.include({ verdict: "ask" });
    });

    it("asks for such a path whatever a rule allows, and names a deny rule that may match", async () => {
      for (const path of [
        "notes.txt ",
        "notes\u200b.txt",
        "loop",
        "/proc/self/cwd/package.json",
        "/dev/fd/3",
      ]) {
        expect(await read(path, [{ allow: "Read" }]), path).to.equal("ask");
      }
      expect(
        await folders.call("Read", { file_path: ".env " }, [{ deny: "Read(.env)" }, { allow: "Read" }]),
      ).to.deep.equal({
        verdict: "ask",
        rule: "deny Read(.env)",
      });
    });

    it("asks for every change, even in the workdir", async () => {
      expect(await write("notes.txt")).to.equal("ask");
      expect(
        await folders.call("Edit", { file_path: "notes.txt", old_string: "a", new_string: "b" }),
      ).to.include({
        verdict: "ask",
      });
      expect(await folders.call("NotebookEdit", { notebook_path: "a.ipynb", new_source: "" })).to.include({
        verdict: "ask",
      });
    });

    it("allows searching in the workdir", async () => {
      expect(await folders.call("Grep", { pattern: "a" })).to.include({ verdict: "allow" });
      expect(await folders.call("Grep", { pattern: "a", path: "src" })).to.include({ verdict: "allow" });
      expect(await folders.call("Glob", { pattern: "**/*.{ts,js}" })).to.include({ verdict: "allow" });
      expect(await folders.call("LS", { path: folders.workdir })).to.include({ verdict: "allow" });
    });

    it("asks for a search that leaves it", async () => {
      expect(await folders.call("Grep", { pattern: "a", path: folders.path("elsewhere") })).to.include({
        verdict: "ask",
      });
      expect(await folders.call("Grep", { pattern: "a", path: "out" })).to.include({ verdict: "ask" });
      expect(await folders.call("Glob", { pattern: `${folders.path("elsewhere")}/*` })).to.include({
        verdict: "ask",
      });
      expect(await folders.call("Glob", { pattern: "out/*" })).to.include({ verdict: "ask" });
      for (const pattern of ["*/../../*", "{src,../..}/*", "{/etc,src}/*", "~/*"]) {
        expect(await folders.call("Glob", { pattern }), pattern).to.include({ verdict: "ask" });
      }
    });
  });

  describe("protected places", () => {
    const everything: readonly RuleConfig[] = [{ allow: "Read" }, { allow: "Edit" }];
    const places: readonly (readonly [string, () => string])[] = [
      ["the configuration", () => folders.path("gateway/claudeway.toml")],
      ["the ledger", () => folders.path("gateway/data/ledger.sqlite")],
      ["a file that is not there yet beside it", () => folders.path("gateway/data/ledger.sqlite-wal")],
      ["the logs", () => folders.path("gateway/logs/admin/2026-01.log")],
      ["the ledger through a link", () => "ledger"],
      ["a new file through a link", () => "new-ledger"],
      ["another workdir", () => folders.path("tasks", OTHER, "notes.txt")],
      ["another workdir by climbing", () => `../${OTHER}/notes.txt`],
      ["another workdir through a link", () => `around/${OTHER}/notes.txt`],
      ["a file between the workdirs", () => folders.path("tasks/planted.txt")],
    ];

    for (const [what, path] of places) {
      it(`refuses ${what}, whatever a rule allows`, async () => {
        expect(await read(path(), everything)).to.equal("deny");
        expect(await write(path(), everything)).to.equal("deny");
      });
    }

    it("refuses a search of a folder around them", async () => {
      for (const path of [
        "..",
        "../..",
        "/",
        folders.path("gateway"),
        folders.path("gateway/data"),
        "around",
      ]) {
        expect(await folders.call("Grep", { pattern: "a", path }, everything), path).to.include({
          verdict: "deny",
        });
        expect(await folders.call("Glob", { pattern: "*", path }, everything), path).to.include({
          verdict: "deny",
        });
      }
      expect(await folders.call("Glob", { pattern: "../*/notes.txt" }, everything)).to.include({
        verdict: "deny",
      });
    });

    it("refuses other tools that name them", async () => {
      const path = folders.path("gateway/data/ledger.sqlite");
      const rules = [{ allow: "mcp__files" }];
      expect(await folders.call("mcp__files__read", { options: [{ path }] }, rules)).to.include({
        verdict: "deny",
      });
      for (const named of ["ledger", "src/../ledger", `around/${OTHER}/notes.txt`]) {
        expect(await folders.call("mcp__files__read", { path: named }, rules), named).to.include({
          verdict: "deny",
        });
      }
      expect(await folders.call("mcp__files__read", { path: "notes.txt" }, rules)).to.include({
        verdict: "allow",
      });
      expect(await folders.call("mcp__files__read", { path: "./ledger" }, rules)).to.include({
        verdict: "deny",
      });
      expect(await folders.call("Artifact", { file_path: path })).to.include({ verdict: "deny" });
    });

    it("give the model a reason", async () => {
      const { message } = await folders.call("Read", { file_path: `../${OTHER}/notes.txt` });
      expect(message).to.equal("This belongs to another session. Stay in your own working directory.");
    });

    it("protects only sessions from a task in the base folder", async () => {
      const workdir = folders.path("tasks");
      const task = (tool: string, input: Readonly<Record<string, unknown>>) =>
        verdictOf(decide({ tool, input, workdir }, [], folders.guarded));
      expect(await task("Read", { file_path: "made-by-a-task/notes.txt" })).to.equal("allow");
      expect(await task("Read", { file_path: `${MINE}/notes.txt` })).to.equal("deny");
      expect(await task("Grep", { pattern: "a" })).to.equal("deny");
      expect(await task("Grep", { pattern: "a", path: "made-by-a-task" })).to.equal("allow");
    });

    it("protects sessions from a workdir around the base folder", async () => {
      const task = (file_path: string) =>
        verdictOf(decide({ tool: "Read", input: { file_path }, workdir: folders.root }, [], folders.guarded));
      expect(await task(`tasks/${OTHER}/notes.txt`)).to.equal("deny");
      expect(await task("elsewhere/file.txt")).to.equal("allow");
    });

    it("accepts a workdir below the data folder", async () => {
      const workdir = folders.path("gateway/data/tasks", MINE);
      const guarded = { ...folders.guarded, workdirs: folders.path("gateway/data/tasks") };
      const at = (file_path: string) =>
        verdictOf(decide({ tool: "Read", input: { file_path }, workdir }, [], guarded));
      expect(await at("notes.txt")).to.equal("allow");
      expect(await at("../../ledger.sqlite")).to.equal("deny");
      expect(await at(`../${OTHER}/notes.txt`)).to.equal("deny");
    });
  });

  describe("patterns", () => {
    const site = (): RuleConfig[] => [{ allow: `Edit(${folders.path("site")}/**)` }];

    it("allow files below a folder, by real path", async () => {
      expect(await write(folders.path("site/index.html"), site())).to.equal("allow");
      expect(await write(folders.path("site/pages/new/deep.html"), site())).to.equal("allow");
      expect(await write("site/index.html", site()), "through a link to it").to.equal("allow");
      expect(await write(folders.path("site-2/index.html"), site())).to.equal("ask");
      expect(await write(folders.path("site/../elsewhere/file.txt"), site())).to.equal("ask");
    });

    it("do not allow files that only seem to be there", async () => {
      const rules = [{ allow: "Edit(./**)" }];
      expect(await write("src/main.ts", rules)).to.equal("allow");
      expect(await write("out/file.txt", rules)).to.equal("ask");
      expect(await write("new.txt", rules)).to.equal("ask");
    });

    it("follow links in their own path", async () => {
      expect(await write(folders.path("site/index.html"), [{ allow: "Edit(./site/**)" }])).to.equal("allow");
      expect(await write(folders.path("site/index.html"), [{ deny: "Edit(./site/**)" }])).to.equal("deny");
    });

    it("deny a file by any of its names", async () => {
      expect(await read("out.txt", [{ deny: "Read(out.txt)" }]), "the link's").to.equal("deny");
      const target = [{ deny: `Read(${folders.path("elsewhere")}/**)` }];
      expect(await read("out.txt", target), "the target's").to.equal("deny");
    });

    const cases: readonly (readonly [string, string, boolean])[] = [
      ["./src/*.ts", "src/main.ts", true],
      ["./src/*.ts", "src/deep/main.ts", false],
      ["./src/**/*.ts", "src/main.ts", true],
      ["./src/**/*.ts", "src/a/b/main.ts", true],
      ["src/main.ts", "src/main.ts", true],
      ["src/main.ts", "lib/src/main.ts", false],
      ["*.md", "a/b/README.md", true],
      ["README.md", "a/README.md", true],
      ["./README.md", "a/README.md", false],
      ["**/secrets/**", "a/secrets/key", true],
      ["./src", "src", true],
      ["./src", "src/main.ts", false],
      ["./Src/**", "src/main.ts", false],
    ];

    for (const [pattern, path, matches] of cases) {
      it(`Edit(${pattern}) ${matches ? "allows" : "does not allow"} ${path}`, async () => {
        expect(await write(path, [{ allow: `Edit(${pattern})` }])).to.equal(matches ? "allow" : "ask");
      });
    }

    it("deny a folder with its content", async () => {
      expect(await read("src/main.ts", [{ deny: "Read(./src)" }])).to.equal("deny");
      expect(await read("a/.env", [{ deny: "Read(.env)" }])).to.equal("deny");
      expect(await folders.call("Grep", { pattern: "a", path: "src" }, [{ deny: "Read(src)" }])).to.include({
        verdict: "deny",
      });
    });

    it("cover the home folder", async () => {
      expect(await read("~/.config/x", [{ allow: "Read(~/.config/**)" }])).to.equal("allow");
      expect(await read(join(homedir(), ".config/x"), [{ deny: "Read(~/.config)" }])).to.equal("deny");
    });

    it("ask for a search that may find a denied file", async () => {
      const rules = [{ deny: "Read(.env)" }, { allow: "Read" }];
      expect(await folders.call("Grep", { pattern: "a" }, rules)).to.deep.equal({
        verdict: "ask",
        rule: "deny Read(.env)",
      });
      expect(await folders.call("Glob", { pattern: "**/*" }, rules)).to.include({ verdict: "allow" });
      const far = [{ deny: `Read(${folders.path("elsewhere")}/**)` }];
      expect(await folders.call("Grep", { pattern: "a" }, far)).to.include({ verdict: "allow" });
    });

    it("allow a search only if everything below is allowed", async () => {
      const path = folders.path("site");
      expect(await folders.call("Grep", { pattern: "a", path }, [{ allow: `Read(${path}/**)` }])).to.include({
        verdict: "allow",
      });
      expect(await folders.call("Grep", { pattern: "a", path }, [{ allow: `Read(${path}/*)` }])).to.include({
        verdict: "ask",
      });
      const pages = { pattern: "a", path: join(path, "pages") };
      expect(await folders.call("Grep", pages, [{ allow: `Read(${path}/*)` }])).to.include({
        verdict: "ask",
      });
    });

    it("cover the tools of their kind", async () => {
      const rules = [{ deny: "Edit(./src/**)" }, { deny: "Read(./src/**)" }];
      for (const tool of ["Write", "Edit", "MultiEdit", "Read"]) {
        expect(await folders.call(tool, { file_path: "src/main.ts" }, rules), tool).to.include({
          verdict: "deny",
        });
      }
      expect(await folders.call("NotebookEdit", { notebook_path: "src/a.ipynb" }, rules)).to.include({
        verdict: "deny",
      });
      expect(await folders.call("Write", { file_path: "a" }, [{ deny: "Edit" }])).to.include({
        verdict: "deny",
      });
      expect(await folders.call("Edit", { file_path: "a" }, [{ deny: "Write" }])).to.include({
        verdict: "ask",
      });
    });
  });

  it("resolves relative paths against the shell's directory", async () => {
    const call = { tool: "Read", input: { file_path: "../notes.txt" }, workdir: folders.workdir };
    expect(
      await verdictOf(decide({ ...call, cwd: join(folders.workdir, "src") }, [], folders.guarded)),
    ).to.equal("allow");
    expect(await verdictOf(decide({ ...call, cwd: folders.workdir }, [], folders.guarded))).to.equal("deny");
    expect(await verdictOf(decide(call, compileRules([]), folders.guarded))).to.equal("deny");
  });
});
