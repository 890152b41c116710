import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { PLUGIN_FAULTS } from "#kernel/fault-codes.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CODE = /\bCW_PLUGIN_[A-Z_]+\b/g;

const inText = (text: string) => new Set(text.match(CODE));

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter(({ name }) => name.endsWith(".ts") && name !== "fault-codes.ts")
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), "utf8"));
}

describe("the codes of plugins' faults", () => {
  const known = Object.keys(PLUGIN_FAULTS);

  it("are exactly those that the code uses", () => {
    const used = new Set(sources(join(ROOT, "core/kernel/src")).flatMap((text) => [...inText(text)]));
    expect([...used].sort()).to.deep.equal([...known].sort());
  });

  it("are all explained in docs/plugin-faults.md, in the same words", () => {
    const page = readFileSync(join(ROOT, "docs/plugin-faults.md"), "utf8");
    const rows = page.split("\n").filter((line) => line.startsWith("| `CW_"));
    expect(rows).to.deep.equal(
      Object.entries(PLUGIN_FAULTS).map(
        ([code, { cause, remedy }]) => `| \`${code}\` | ${cause} | ${remedy} |`,
      ),
    );
    expect([...inText(page)].sort()).to.deep.equal([...known].sort());
  });
});
