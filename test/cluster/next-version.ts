import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../temporary.js";
import { PRODUCT } from "./node.js";

export const NEXT_VERSION = "0.99.0";

const PARTS = ["core", "config", "schemas", "plugins"];
const OF_TESTS = ["gateway-process.ts", "working-engine.ts", "order.ts"];

/**
 * Copies the built product and makes a next version of it, as it might be: another version, tables and columns more, a setting on
 * which nodes must agree more, and more in what nodes say to each other. Returns its folder.
 */
export function makeNextVersion(): string {
  const dir = temporaryFolder("claudeway-next-");
  for (const part of PARTS)
    cpSync(join(PRODUCT, part), join(dir, part), { recursive: true, filter: isNeeded });
  mkdirSync(join(dir, "test/cluster"), { recursive: true });
  for (const file of ["package.json", ...OF_TESTS.map((name) => `test/cluster/${name}`)])
    cpSync(join(PRODUCT, file), join(dir, file));
  linkModules(dir);
  for (const [file, before, after] of changes()) replaceIn(join(dir, file), before, after);
  return dir;
}

function changes(): readonly (readonly [file: string, before: RegExp, after: string])[] {
  const statement = [
    "ALTER TABLE turns ADD COLUMN later BIGINT",
    "ALTER TABLE sessions ADD COLUMN later TEXT NOT NULL DEFAULT 'x'",
    "ALTER TABLE nodes ADD COLUMN later BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE later (id BIGINT PRIMARY KEY)",
  ];
  return [
    ["config/package.json", /"version": "[^"]*"/, `"version": "${NEXT_VERSION}"`],
    [
      "core/ledger-postgres/dist/schema.js",
      /(export const MIGRATIONS = \[[^\]]*?),?\n\]/,
      `$1,\n    ${JSON.stringify(statement.join(";"))},\n]`,
    ],
    ["core/cluster/dist/digest.js", /^( *)keys,$/m, '$1keys, "cluster.later": 1,'],
    ["core/cluster/dist/passing/signature.js", /const claims = \{/, 'const claims = { later: { said: "x" },'],
    [
      "core/cluster/dist/passing/passing.js",
      /JSON\.stringify\(\{ done \}\)/,
      'JSON.stringify({ done, later: "x" })',
    ],
  ];
}

/** Fails where the product has changed, so that what is to be different is. */
function replaceIn(file: string, before: RegExp, after: string): void {
  const text = readFileSync(file, "utf8");
  const changed = text.replace(before, after);
  if (changed === text) throw new Error(`${file} has no ${before}`);
  writeFileSync(file, changed);
}

function isNeeded(path: string): boolean {
  return !/\/(?:src|test|web|node_modules)$/.test(path);
}

/** Modules of others are where they were; the product's own are those of the copy. */
function linkModules(dir: string): void {
  const own = "node_modules/@claudeway";
  mkdirSync(join(dir, own), { recursive: true });
  for (const name of readdirSync(join(PRODUCT, "node_modules")))
    if (name !== "@claudeway")
      symlinkSync(join(PRODUCT, "node_modules", name), join(dir, "node_modules", name));
  // As the workspaces' links are: relative.
  cpSync(join(PRODUCT, own), join(dir, own), { recursive: true, verbatimSymlinks: true });
  for (const nested of ["core", "plugins/slack"].map((name) => join(name, "node_modules")))
    symlinkSync(join(PRODUCT, nested), join(dir, nested));
}
