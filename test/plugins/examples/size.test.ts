import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { parse } from "smol-toml";
import { compileConfigSchema } from "#kernel/loading/plugin-config.js";
import { isObject } from "#schemas/index.js";

const FOLDER = new URL("../../../plugins/examples/", import.meta.url);
const NAMES = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());

describe("the example plugins", () => {
  for (const { name } of NAMES) {
    it(`${name} is one file of less than 80 lines, using only the public API`, () => {
      expect(readdirSync(new URL(`${name}/src/`, FOLDER))).to.deep.equal(["index.ts"]);
      const source = readFileSync(new URL(`${name}/src/index.ts`, FOLDER), "utf8");
      expect(source.split("\n").length).to.be.below(80);
      const imports = [...source.matchAll(/from "([^"]+)"/g)].map(([, from]) => from);
      for (const from of imports)
        expect(from).to.match(/^(@claudeway\/core|node:.*|\.\.\/config\.schema\.json)$/);
    });

    it(`${name} is described in the README of examples`, () => {
      expect(readFileSync(new URL("README.md", FOLDER), "utf8")).to.include(
        `[\`${name}\`](${name}/src/index.ts)`,
      );
    });
  }

  it("accept the settings in the README of examples", () => {
    const page = readFileSync(new URL("README.md", FOLDER), "utf8");
    const { plugins } = parse(/^```toml\n([\s\S]*?)^```$/m.exec(page)?.[1] ?? "");
    const sections = Object.entries(isObject(plugins) ? plugins : {});
    expect(sections).to.have.lengthOf(NAMES.length);
    for (const [name, section] of sections) {
      const file = new URL(`${name.replaceAll("_", "-")}/config.schema.json`, FOLDER);
      const check = compileConfigSchema(name, JSON.parse(readFileSync(file, "utf8")));
      expect(() => check(isObject(section) ? section : {}), name).not.to.throw();
    }
  });

  it("are four", () => expect(NAMES).to.have.lengthOf(4));
});
