import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { PluginSelection } from "#kernel/loading/selection.js";
import { createKernel, fixture, plugin, rejectionMessage } from "./kit.js";

/** Plugins in the file that do not come with the gateway. */
describe("sections that say where their plugin is", () => {
  const cwd = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-sections-")));
  const { kernel } = createKernel({ cwd });
  const greeting = "hi";

  before(() => {
    for (const [name, own] of Object.entries({
      "claudeway-plugin-key-budget": "key_budget",
      "claudeway-plugin-other": "budget",
    })) {
      const folder = join(cwd, "node_modules", name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(
        join(folder, "package.json"),
        JSON.stringify({ version: "1.2.3", type: "module", exports: "./index.js" }),
      );
      writeFileSync(
        join(folder, "index.js"),
        `export default { name: "${own}", apiVersion: 1, configSchema: { type: "object", properties: { usd: { type: "number" } } }, apply() {} };\n`,
      );
    }
  });
  after(async () => {
    await kernel.close();
    rmSync(cwd, { recursive: true });
  });

  const check = async (selection: PluginSelection) =>
    (await kernel.check(selection)).map(({ name, config, source }) => ({ name, config, source }));
  const problem = (sections: PluginSelection["sections"] = {}) =>
    rejectionMessage(kernel.check({ sections }));

  it("find a plugin by its package, without passing that to it", async () => {
    const section = { enabled: true, package: "claudeway-plugin-other", usd: 5 };
    expect(await check({ sections: { budget: section } })).to.deep.equal([
      { name: "budget", config: { usd: 5 }, source: "claudeway-plugin-other" },
    ]);
  });

  it("find a plugin by its path, with or without ./", async () => {
    writeFileSync(
      join(cwd, "mine.mjs"),
      `export { default } from ${JSON.stringify(`${fixture("good")}/index.js`)};\n`,
    );
    for (const path of ["./mine.mjs", "mine.mjs", join(cwd, "mine.mjs"), fixture("good")]) {
      const [found] = await check({ sections: { good: { enabled: true, path, greeting } } });
      expect(found).to.deep.include({ name: "good", config: { greeting } });
    }
  });

  it("find an installed plugin by their own name", async () => {
    expect(await check({ sections: { key_budget: { enabled: true, usd: 1 } } })).to.deep.equal([
      { name: "key_budget", config: { usd: 1 }, source: "key_budget" },
    ]);
    expect(await check({ sections: { key_budget: { usd: 1 } } }), "not enabled").to.deep.equal([]);
  });

  it("are used when the plugin is enabled later, by its name", async () => {
    const sections = { good: { path: fixture("good"), greeting } };
    expect(await check({ sections })).to.deep.equal([]);
    await kernel.enable({ plugins: ["good"], sections });
    expect(kernel.status()[0]).to.deep.include({ name: "good", state: "on", config: { greeting } });
  });

  it("give way to what a flag names", async () => {
    const selection = {
      plugins: [fixture("good")],
      sections: { good: { enabled: true, path: "./gone", greeting } },
    };
    expect(await check(selection)).to.deep.equal([
      { name: "good", config: { greeting }, source: fixture("good") },
    ]);
  });

  it("leave settings of these names to plugins that define them", async () => {
    const configSchema = { type: "object", properties: { path: { type: "array" } } };
    const old = plugin("old", () => {}, { configSchema });
    const [found] = await check({ plugins: [old], sections: { old: { path: ["a"] } } });
    expect(found?.config).to.deep.equal({ path: ["a"] });
  });

  it("refuse in one line what names no plugin", async () => {
    expect(await problem({ good: { enabled: true, path: "./gone" } })).to.equal(
      `plugin ./gone: file not found: ${join(cwd, "gone")}`,
    );
    expect(await problem({ x: { enabled: true, package: "claudeway-plugin-x" } })).to.match(
      /^plugin claudeway-plugin-x is not installed \(npm install claudeway-plugin-x\); known plugins: .*key_budget.*; looked for claudeway-plugin-x in \S+/,
    );
    expect(await problem({ keybudget: { enabled: true } })).to.match(
      /^unknown plugin "keybudget"; did you mean key_budget\? .*; looked for @claudeway\/plugin-keybudget, claudeway-plugin-keybudget in /,
    );
    expect(await problem({ good: { enabled: true, package: "claudeway-plugin-other" } })).to.equal(
      "plugins.good: claudeway-plugin-other is the plugin budget; rename the section to [plugins.budget]",
    );
    expect(await problem({ x: { enabled: true, package: "left-pad" } })).to.equal(
      'plugins.x.package must be the name of a plugin package (claudeway-plugin-x, @scope/claudeway-plugin-x), got "left-pad"',
    );
    expect(await problem({ x: { enabled: true, path: 5 } })).to.equal(
      "plugins.x.path must be the path of a file or folder, got 5",
    );
    expect(await problem({ x: { enabled: true, path: "./a", package: "claudeway-plugin-x" } })).to.equal(
      "plugins.x must have package or path, got both",
    );
  });
});
