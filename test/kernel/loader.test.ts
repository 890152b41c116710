import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { PluginError } from "#kernel/faults.js";
import { PluginLoader } from "#kernel/loading/loader.js";
import { fixture, plugin, rejection, rejectionMessage } from "./kit.js";

describe("plugin loader", () => {
  let folder = "";

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), "claudeway-loader-")));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function write(path: string, content: string): string {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  function source(name: string): string {
    return `export default { name: "${name}", apiVersion: 1, configSchema: { type: "object" }, apply() {} };\n`;
  }

  /** Writes a package below the folder; `manifest` goes over `{type: "module"}`. */
  function writePackage(path: string, name: string, manifest: object = { exports: "./index.js" }): void {
    write(`${path}/package.json`, JSON.stringify({ version: "3.2.1", type: "module", ...manifest }));
    write(`${path}/index.js`, source(name));
  }

  const load = (ref: string, cwd = folder) => new PluginLoader({ cwd, importMs: 1000 }).load(ref);

  it("finds first-party plugins by name, in node_modules of the folder or of any above it", async () => {
    writePackage("node_modules/@claudeway/plugin-weather-report", "weather_report");
    mkdirSync(join(folder, "deep/deeper"), { recursive: true });
    const loaded = await load("weather_report", join(folder, "deep/deeper"));
    expect(loaded).to.deep.include({ source: "weather_report", version: "3.2.1" });
    expect(loaded.plugin.name).to.equal("weather_report");
  });

  it("lists the installed first-party plugins, wherever the gateway is started", () => {
    writePackage("node_modules/@claudeway/plugin-weather-report", "weather_report");
    writePackage("node_modules/@claudeway/no-plugin", "no_plugin");
    const names = new PluginLoader({ cwd: folder }).names();
    expect(names).to.include("weather_report").and.not.include("no_plugin");
    expect(names, "beside core itself").to.include("demo");
    expect(names).to.deep.equal([...names].sort());
  });

  for (const name of ["claudeway-plugin-x", "@acme/claudeway-plugin-x"]) {
    it(`finds the package ${name}`, async () => {
      writePackage(`node_modules/${name}`, "x");
      expect((await load(name)).plugin.name).to.equal("x");
    });
  }

  for (const path of [
    "claudeway-plugin-key-budget",
    "claudeway-plugin-key_budget",
    "@acme/claudeway-plugin-key-budget",
  ]) {
    it(`finds ${path} by the plugin's own name`, async () => {
      writePackage(`node_modules/${path}`, "key_budget");
      expect(await load("key_budget")).to.deep.include({ source: "key_budget", version: "3.2.1" });
    });
  }

  it("prefers a first-party plugin, and refuses to choose between two others", async () => {
    writePackage("node_modules/claudeway-plugin-key-budget", "key_budget");
    writePackage("node_modules/@acme/claudeway-plugin-key-budget", "key_budget");
    expect(await rejectionMessage(load("key_budget"))).to.equal(
      "plugin key_budget: two packages have this name: @acme/claudeway-plugin-key-budget, claudeway-plugin-key-budget; set package in [plugins.key_budget]",
    );
    writePackage("node_modules/@claudeway/plugin-key-budget", "key_budget");
    expect((await load("key_budget")).home).to.equal(
      join(folder, "node_modules/@claudeway/plugin-key-budget"),
    );
  });

  it("accepts paths to files and folders, relative and absolute", async () => {
    writePackage("own", "own");
    for (const path of ["./own", "./own/index.js", join(folder, "own"), join(folder, "own/index.js")]) {
      expect((await load(path)).plugin.name).to.equal("own");
    }
    expect((await load("../own", join(folder, "own"))).plugin.name).to.equal("own");
    expect((await load(".", join(folder, "own"))).plugin.name).to.equal("own");
  });

  for (const [what, manifest] of Object.entries({
    "exports as text": { exports: "./index.js" },
    "exports of the package itself": { exports: { ".": "./index.js", "./other": "./other.js" } },
    "exports by condition": {
      exports: { ".": { types: "./x.d.ts", require: "./x.cjs", import: "./index.js" } },
    },
    "nested conditions": { exports: { node: { import: { default: "./index.js" } } } },
    main: { main: "index.js" },
    nothing: {},
  })) {
    it(`finds the entry file by ${what}`, async () => {
      writePackage("own", "own", manifest);
      expect((await load("./own")).plugin.name).to.equal("own");
    });
  }

  it("accepts a default export, one named plugin, and the default of compiled CommonJS", async () => {
    const named = source("named").replace("export default", "export const plugin =");
    write("named.mjs", named);
    write("common.cjs", source("common").replace("export default", "exports.default ="));
    write("plain.cjs", source("plain").replace("export default", "module.exports ="));
    expect((await load("./named.mjs")).plugin.name).to.equal("named");
    expect((await load("./common.cjs")).plugin.name).to.equal("common");
    expect((await load("./plain.cjs")).plugin.name).to.equal("plain");
    write("named.cjs", source("named").replace("export default", "exports.plugin ="));
    expect((await load("./named.cjs")).plugin.name).to.equal("named");
  });

  it("returns a plugin object unchanged", async () => {
    const given = plugin("given", () => {});
    const loaded = await new PluginLoader().load(given);
    expect(loaded.plugin).to.equal(given);
    expect(loaded.version).to.equal(undefined);
  });

  it("refuses a first-party package with another plugin's name", async () => {
    writePackage("node_modules/@claudeway/plugin-sun", "moon");
    expect(await rejectionMessage(load("sun"))).to.match(
      /^plugin sun: \S+ must export a plugin of that name, got moon$/,
    );
  });

  const unknown: readonly [ref: string, line: RegExp][] = [
    [
      "wether",
      /^unknown plugin "wether"; did you mean weather\? known plugins: .*weather; or name a package \(claudeway/,
    ],
    [
      "qqqqqqq",
      /^unknown plugin "qqqqqqq"; known plugins: .*weather; or name a package .* or a path \(\.\/x\); looked for @claudeway\/plugin-qqqqqqq, claudeway-plugin-qqqqqqq in \S+node_modules/,
    ],
    ["cloudflare-weather", /^unknown plugin "cloudflare-weather"; known plugins: /],
    ["left-pad", /^unknown plugin "left-pad"; known plugins: /],
    ["we-ather", /did you mean weather\?/],
    [
      "claudeway-plugin-y",
      /^plugin claudeway-plugin-y is not installed \(npm install claudeway-plugin-y\); known plugins: /,
    ],
    ["claudeway-plugin-sunn", /is not installed .* did you mean claudeway-plugin-sunny\?/],
    ["@acme/claudeway-plugin-rian", /did you mean @acme\/claudeway-plugin-rain\?/],
    ["./wether.js", /^plugin \.\/wether\.js: file not found: \S+wether\.js; did you mean weather\.js\?$/],
    ["/no/such/place", /^plugin \/no\/such\/place: file not found: \/no\/such\/place$/],
    ["./empty", /^plugin \.\/empty: cannot read \S+package\.json: ENOENT/],
    [
      "./unbuilt",
      /^plugin \.\/unbuilt: its entry file \S+dist\/index\.js is missing; build the plugin first$/,
    ],
    ["", /^unknown plugin ""; known plugins: /],
    ["../../../etc/passwd", /file not found|importing .* failed/],
  ];
  for (const [ref, line] of unknown) {
    it(`says what is wrong with "${ref}" in one line`, async () => {
      writePackage("node_modules/@claudeway/plugin-weather", "weather");
      writePackage("node_modules/claudeway-plugin-sunny", "sunny");
      writePackage("node_modules/@acme/claudeway-plugin-rain", "rain");
      write("weather.js", "");
      mkdirSync(join(folder, "empty"));
      write("unbuilt/package.json", JSON.stringify({ exports: "./dist/index.js" }));
      const error = await rejection(load(ref));
      expect(error).to.be.instanceOf(PluginError);
      expect(error).to.have.property("message").that.matches(line).and.does.not.include("\n");
    });
  }

  const misshapen: readonly [what: string, exported: string, line: RegExp][] = [
    ["a function", "function apply() {}", /the default export must be/],
    ["null", "null", /the default export must be/],
    ["a list", "[]", /the default export must be/],
    ["an object that is something else", "{ start() {} }", /the default export must be/],
    ["no apiVersion", '{ name: "x", configSchema: {}, apply() {} }', /apiVersion must be 1, got none/],
    [
      "apiVersion 0",
      '{ name: "x", apiVersion: 0, configSchema: {}, apply() {} }',
      /apiVersion must be 1, got 0$/,
    ],
    [
      "no name",
      "{ apiVersion: 1, configSchema: {}, apply() {} }",
      /name must be lower-case .*, got undefined/,
    ],
    ["no apply", '{ name: "x", apiVersion: 1, configSchema: {} }', /apply must be a function, got undefined/],
    ["no schema", '{ name: "x", apiVersion: 1, apply() {} }', /configSchema must be a JSON Schema/],
    [
      "a needs that is not a list",
      '{ name: "x", apiVersion: 1, configSchema: {}, needs: "turns", apply() {} }',
      /needs must be a list/,
    ],
    [
      "exclusive: 1",
      '{ name: "x", apiVersion: 1, configSchema: {}, exclusive: 1, apply() {} }',
      /exclusive must be true/,
    ],
    [
      "needsLogin: true",
      '{ name: "x", apiVersion: 1, configSchema: {}, needsLogin: true, apply() {} }',
      /needsLogin must be false/,
    ],
    [
      "confinesCli: false",
      '{ name: "x", apiVersion: 1, configSchema: {}, confinesCli: false, apply() {} }',
      /confinesCli must be true/,
    ],
  ];
  for (const [what, exported, line] of misshapen) {
    it(`refuses a module that exports ${what}`, async () => {
      write("odd.mjs", `export default ${exported};\n`);
      expect(await rejectionMessage(load("./odd.mjs"))).to.match(line);
    });
  }

  it("aborts an import that never ends", async () => {
    const loader = new PluginLoader({ importMs: 50 });
    expect(await rejectionMessage(loader.load(fixture("hangs-at-import")))).to.match(
      /did not finish within 50 ms/,
    );
  });
});
