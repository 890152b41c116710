import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { cliEnvironment, runToEnd, TestGateway } from "../e2e/gateway.js";
import { installPacked, isPlugin, type Packed, packAll, pluginNames, ROOT, run } from "./packed.js";

/** What a plugin can't be switched on without. */
const SETTINGS = `
[plugins.slack]
webhook_url = "http://127.0.0.1:9/services/T0/B0/x"
[plugins.telegram]
bot_token = "1:x"
chat_id = "-1"
`;
const UNWANTED = /^(test|src|scripts)\/|\.test\.|tsconfig|tsbuildinfo|\.map$|(^|\/)(node_modules|\.env)/;

describe("the packages", () => {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-packed-"));
  const command = join(folder, "node_modules/claudeway/bin/claudeway.js");
  let packed: readonly Packed[];

  before(async () => {
    packed = await packAll(folder);
    await installPacked(packed, folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("hold all that they promise, and nothing that is not for their users", () => {
    for (const { folder: home, manifest, files } of packed) {
      expect(files, home).to.include.members(["LICENSE", "README.md", "package.json"]);
      expect(files, home).to.include.members(promised(manifest));
      if (isPlugin(home)) expect(files, home).to.include("config.schema.json");
      const ours = files.filter((file) => !file.startsWith("templates/"));
      expect(
        ours.filter((file) => UNWANTED.test(file)),
        home,
      ).to.deep.equal([]);
      expect(manifest.license, home).to.equal("MIT");
    }
  });

  it("say where they come from, and where faults are reported", () => {
    for (const { folder: home } of packed) {
      const manifest: unknown = JSON.parse(readFileSync(join(ROOT, home, "package.json"), "utf8"));
      expect(manifest, home).to.deep.include({
        repository: {
          type: "git",
          url: "git+https://github.com/claudeway/claudeway.git",
          directory: home,
        },
        bugs: "https://github.com/claudeway/claudeway/issues",
        homepage: "https://github.com/claudeway/claudeway#readme",
      });
      expect(manifest, home).to.have.property("keywords").that.includes("claude");
    }
  });

  it("carry the project's licence", () => {
    const licence = readFileSync(join(ROOT, "LICENSE"), "utf8");
    for (const { folder: home } of packed) {
      expect(readFileSync(join(ROOT, home, "LICENSE"), "utf8"), home).to.equal(licence);
    }
  });

  it("have one version, name each other by it, and everything else by an exact one", () => {
    const [{ manifest: first } = { manifest: undefined }] = packed;
    for (const { manifest } of packed) {
      expect(manifest.version, manifest.name).to.equal(first?.version);
      const wanted = { ...manifest.dependencies, ...manifest.peerDependencies };
      for (const [name, version] of Object.entries(wanted)) {
        if (name.startsWith("@claudeway/")) expect(version, manifest.name).to.equal(first?.version);
        else expect(version, `${manifest.name}: ${name}`).to.match(/^\d+\.\d+\.\d+$/);
      }
    }
  });

  it("hold every schema", () => {
    const schemas = packed.find(({ folder: home }) => home === "schemas");
    const names = readFileSync(join(ROOT, "schemas/src/generated/types.ts"), "utf8").matchAll(
      /^ {2}"([\w-]+)",$/gm,
    );
    const files = [...names].map(([, name]) => `${name}.json`);
    expect(files).to.include.members(["config.json", "turn-response.json"]);
    expect(schemas?.files).to.include.members(files);
  });

  it("bring the template of a plugin, built", () => {
    const core = packed.find(({ folder: home }) => home === "core/cli");
    const wanted = ["package.json", "gitignore", ".github/workflows/ci.yml", "src/index.ts", "dist/index.js"];
    expect(core?.files).to.include.members(wanted.map((file) => `templates/plugin/${file}`));
  });

  it("say their version once installed", async () => {
    const { stdout } = await run(process.execPath, [command, "--version"], { cwd: folder });
    expect(stdout).to.equal(`claudeway ${packed[0]?.manifest.version}\n`);
  });

  describe("installed", () => {
    let gateway: TestGateway;
    const on = ["demo", "swagger", "dashboard", "approval"];

    before(async () => {
      const args = ["--enable-plugin", on.join(",")];
      gateway = await TestGateway.start({ command, args, config: SETTINGS });
    });
    after(() => gateway.dispose());

    it("answer a turn over HTTP with the demo model", async () => {
      const { status, body } = await gateway.request("/task", { body: { prompt: "Hello" } });
      expect(status).to.equal(200);
      expect(body).to.include({ success: true, error: null });
      expect(body["result"]).to.be.a("string").that.includes("This is the demo model");
    });

    it("serve the plugins' pages", async () => {
      for (const path of ["/docs", "/dashboard", "/openapi.json", "/approvals"]) {
        expect((await gateway.fetch(path)).status, path).to.equal(200);
      }
    });

    it("know every plugin by its name", async () => {
      const names = pluginNames();
      // Not every machine that runs the tests can build a sandbox.
      writeFileSync(join(folder, "claudeway.toml"), `${SETTINGS}\n[plugins.sandbox]\nrequired = false\n`);
      const words = ["check", "--port", "0", "--enable-plugin", names.join(",")];
      const env = cliEnvironment(gateway.model, folder);
      const { stdout, stderr } = await runToEnd(words, folder, env, command);
      const listed = /^ok +plugins +(.*)$/m.exec(stdout)?.[1]?.split(", ") ?? [];
      expect(listed, stdout + stderr).to.have.members(names);
      // They ask for a program and for a service that a test does not have.
      const failed = [...stdout.matchAll(/^FAIL (\w+)/gm)].map(([, name]) => name);
      expect(["cloudflare_tunnel", "telegram"], stdout + stderr).to.include.members(failed);
    });
  });
});

/** What `exports` and `bin` name; a pattern stands for its first part, and single files are in a checkout only. */
function promised({ exports, bin = {} }: Packed["manifest"]): string[] {
  const targets = Object.values(exports).flatMap((target) => {
    if (typeof target === "string") return [target];
    return Object.entries(target).flatMap(([condition, file]) => (condition === "unbundled" ? [] : [file]));
  });
  return [...targets, ...Object.values(bin)]
    .filter((target) => !target.includes("*"))
    .map((target) => target.replace(/^\.\//, ""));
}
