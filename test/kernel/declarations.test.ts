import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { PluginLoader } from "#kernel/loading/loader.js";

describe("manifests of plugins", () => {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-manifests-")));
  const loader = new PluginLoader({ cwd });
  after(() => rmSync(cwd, { recursive: true }));

  function write(path: string, content: object | string): void {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), typeof content === "string" ? content : JSON.stringify(content));
  }

  const find = (name: string, named: readonly string[] = []) =>
    loader.manifests(named).find((manifest) => manifest.name === name);

  it("have the schema and the commands of installed plugins, without running their code", () => {
    const commands = { budget: { summary: "shows budgets", usage: ["list"], entry: "./dist/command.js" } };
    write("node_modules/@acme/claudeway-plugin-key-budget/package.json", {
      name: "@acme/claudeway-plugin-key-budget",
      claudeway: { commands },
    });
    write("node_modules/@acme/claudeway-plugin-key-budget/config.schema.json", { type: "object" });
    expect(find("key_budget")).to.deep.equal({
      name: "key_budget",
      source: undefined,
      schema: { type: "object" },
      commands: {
        budget: {
          summary: "shows budgets",
          usage: ["list"],
          entry: join(cwd, "node_modules/@acme/claudeway-plugin-key-budget/dist/command.js"),
        },
      },
    });
    expect(find("repos")?.schema).to.have.property("title", "ReposConfig");
  });

  it("are those of folders that a path names, with the name that they state", () => {
    write("mine/package.json", { name: "whatever", claudeway: { name: "office_hours" } });
    expect(find("office_hours", ["./mine"])).to.deep.equal({
      name: "office_hours",
      source: "./mine",
      schema: {},
      commands: {},
    });
    write("single.js", "");
    expect(loader.manifests(["./single.js", "./gone", "claudeway-plugin-gone", "gone"]).length).to.equal(
      loader.manifests([]).length,
    );
  });

  it("say in one line where they are not what they must be, and let the others be read", () => {
    const problem = () => loader.manifests(["./bad"]).find(({ source }) => source === "./bad")?.problem;
    write("bad/package.json", {
      name: "claudeway-plugin-bad",
      claudeway: { commands: { x: { entry: "./x.js" } } },
    });
    expect(problem()).to.equal(
      "plugin bad: claudeway.commands.x in its package.json must have the texts summary and entry, and may have a list usage",
    );
    write("bad/package.json", { name: "claudeway-plugin-bad" });
    write("bad/config.schema.json", "{");
    expect(problem()).to.match(/^plugin bad: cannot read \S+config\.schema\.json: /);
    write("bad/package.json", "{");
    expect(problem()).to.match(/^plugin \.\/bad: cannot read \S+package\.json: /);
    write("node_modules/claudeway-plugin-worse/package.json", "{");
    expect(find("worse")?.problem).to.match(/^plugin \S*worse: cannot read /);
    expect(find("repos")?.problem).to.equal(undefined);
    expect(loader.installed()).to.include.members(["key_budget", "repos", "worse"]);
  });

  it("include what packages say that they are, by both names, on one line of at most 160 characters", () => {
    const describe = (name: string, description: unknown) =>
      write(`node_modules/${name}/package.json`, { name, description });
    describe("@acme/claudeway-plugin-office-clock", " Says\u001b[2J\u202e when.\nIt is late. ");
    describe("claudeway-plugin-long", "x".repeat(200));
    describe("claudeway-plugin-silent", 7);
    const said = loader.descriptions();
    expect(said.get("office_clock")).to.match(/^Says *\[2J *when\. It is late\.$/);
    expect(said.get("@acme/claudeway-plugin-office-clock")).to.equal(said.get("office_clock"));
    expect(said.get("long")).to.equal(`${"x".repeat(159)}…`);
    expect(said.has("silent")).to.equal(false);
    expect(said.get("demo")).to.match(/^A scripted model/);
  });
});
