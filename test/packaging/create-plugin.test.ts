import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { createPlugin } from "#cli/create-plugin.js";
import { runToEnd } from "../e2e/gateway.js";
import { rejectionMessage } from "../kernel/kit.js";
import { ROOT, readManifest, run } from "./packed.js";

const NAME = "turn-counter";
const NAME_RULE =
  "the name must have at most 50 lower-case letters, digits and single hyphens or underscores, and begin with a letter";

/** A name that is refused, and the line that says why. */
const REFUSED: readonly (readonly [string, string])[] = [
  ["Turn Counter", `${NAME_RULE}; got "Turn Counter"`],
  ["../up", `${NAME_RULE}; got "../up"`],
  ["9lives", `${NAME_RULE}; got "9lives"`],
  ["two--hyphens", `${NAME_RULE}; got "two--hyphens"`],
  ["x".repeat(51), `${NAME_RULE}; got "${"x".repeat(51)}"`],
  [
    "claudeway-plugin-x",
    'claudeway-plugin-x: leave out "claudeway-plugin-"; it is added to the name of the package',
  ],
  ["slack", "slack: a plugin that comes with Claudeway has this name; choose another name"],
  ["task", "task: the gateway itself uses /task; choose another name"],
  ["taken", "./taken already exists; choose another name"],
];

describe("claudeway create-plugin", () => {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-scaffold-"));
  const home = join(folder, NAME);

  before(() => {
    // As after `npm install` in a gateway's folder: what is installed there is found from below.
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    mkdirSync(join(folder, "taken"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("says in one line why a name will not do, and leaves nothing behind", async () => {
    for (const [name, line] of REFUSED) {
      expect(await rejectionMessage(createPlugin(name, folder))).to.equal(`create-plugin: ${line}`);
    }
    const { code, stdout, stderr } = await runToEnd(["create-plugin", "taken"], folder);
    expect(stderr).to.equal("claudeway: create-plugin: ./taken already exists; choose another name\n");
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
    expect(readdirSync(folder)).to.have.members(["node_modules", "taken"]);
    expect(readdirSync(join(folder, "taken"))).to.deep.equal([]);
  });

  it("makes a folder that the gateway runs as it is", async () => {
    const { code, stdout } = await runToEnd(["create-plugin", NAME], folder);
    expect(stdout.split("\n")[0]).to.equal(
      `${NAME}: created and ready to run: npx claudeway --enable-plugin ./${NAME}`,
    );
    expect(code).to.equal(0);
    expect(readdirSync(folder)).to.have.members(["node_modules", "taken", NAME]);
    const gateway = await createTestGateway({ plugins: [`./${NAME}`], cwd: folder, replies: "fine" });
    try {
      await gateway.turn("hello");
      expect(gateway.ran[0]?.plan.systemPrompt).to.equal("Begin every answer with: Hello!");
      expect(await (await gateway.fetch(`/${NAME}`)).json()).to.deep.equal({ turns: 1 });
      expect(gateway.plugins()[0]).to.include({ name: "turn_counter", state: "on", version: "0.1.0" });
    } finally {
      await gateway.close();
    }
  });

  it("says what is missing where the gateway is installed elsewhere", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "claudeway-elsewhere-"));
    try {
      const { code, stdout } = await runToEnd(["create-plugin", NAME], elsewhere);
      const [build, use] = stdout.split("\n");
      expect(build).to.equal(
        "turn-counter: created; to build and test it: cd turn-counter && npm install && npm test",
      );
      expect(use).to.match(/^To run it after that: node \S+claudeway\.js --enable-plugin \.\/turn-counter$/);
      expect(code).to.equal(0);
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });

  it("is built with the packages of the running gateway if they came from no registry", () => {
    const { devDependencies = {}, peerDependencies } = readManifest(home);
    for (const [name, folder] of Object.entries({ core: "core", testing: "core/testing" })) {
      const where = devDependencies[`@claudeway/${name}`]?.replace(/^file:/, "") ?? "";
      expect(realpathSync(join(home, where))).to.equal(realpathSync(join(ROOT, folder)));
    }
    expect(peerDependencies).to.deep.equal({
      "@claudeway/core": `^${readManifest(join(ROOT, "core")).version}`,
    });
  });

  it("makes a package that generates, lints, builds, passes its tests, and packs", async () => {
    const before = readFileSync(join(home, "src/config.ts"), "utf8");
    const files = readdirSync(home, { recursive: true, encoding: "utf8" });
    expect(files).to.include.members([".gitignore", ".github/workflows/ci.yml", "biome.json", "README.md"]);
    const env = { ...process.env, PATH: `${join(ROOT, "node_modules/.bin")}:${process.env["PATH"]}` };
    rmSync(join(home, "dist"), { recursive: true });
    for (const script of ["generate", "lint", "test"]) {
      await run("npm", ["run", "--silent", script], { cwd: home, env });
    }
    expect(readFileSync(join(home, "src/config.ts"), "utf8")).to.equal(before);
    const { stdout } = await run("npm", ["pack", "--json"], { cwd: home, env });
    const [{ filename, files: packed }]: [{ filename: string; files: { path: string }[] }] = JSON.parse(
      stdout.slice(stdout.indexOf("[\n")),
    );
    expect(existsSync(join(home, filename))).to.equal(true);
    expect(filename).to.equal("claudeway-plugin-turn-counter-0.1.0.tgz");
    expect(packed.map(({ path }) => path)).to.have.members([
      "README.md",
      "config.schema.json",
      "package.json",
      "dist/config.d.ts",
      "dist/config.js",
      "dist/index.d.ts",
      "dist/index.js",
    ]);
  });

  it("leaves no name of the template", () => {
    for (const name of readdirSync(home, { recursive: true, encoding: "utf8" })) {
      if (!/\.(ts|js|json|md|yml)$/.test(name)) continue;
      expect(readFileSync(join(home, name), "utf8"), name).not.to.match(/hello.?world/i);
    }
  });
});

describe("the template of a plugin", () => {
  const template = readManifest(join(ROOT, "core/cli/templates/plugin"));
  const core = readManifest(join(ROOT, "core"));

  it("names the versions that this project is built with", () => {
    const { devDependencies: ours }: { devDependencies: Record<string, string> } = JSON.parse(
      readFileSync(join(ROOT, "package.json"), "utf8"),
    );
    const {
      "@claudeway/core": coreVersion,
      "@claudeway/testing": testingVersion,
      ...tools
    } = template.devDependencies ?? {};
    expect(coreVersion).to.equal(core.version);
    expect(template.peerDependencies).to.deep.equal({ "@claudeway/core": `^${core.version}` });
    expect(ours).to.include(tools);
    expect(core.dependencies).to.include(template.dependencies);
  });
});
