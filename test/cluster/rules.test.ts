import { readFileSync } from "node:fs";
import { expect } from "chai";
import { RULES } from "./without/rules.mjs";

/** Where the packages of `core/` are, by what the rules call their files. */
const CORE = new URL("../../core", import.meta.url).pathname;

describe("the safety rules that tests take out", () => {
  for (const [name, changes] of Object.entries(RULES)) {
    it(`have ${name} where it is taken out`, () => {
      for (const { file, from } of changes) {
        const path = file.startsWith("/core/") ? file.slice("/core".length) : file;
        expect(readFileSync(CORE + path, "utf8"), file).to.match(from);
      }
    });
  }
});
