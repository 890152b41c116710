import { readdirSync, readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Suite, Test } from "mocha";
import { unseen, violationsSoFar } from "./exchanges.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = "test/e2e";

/** The titles of the tests that have begun; one that is tried again keeps no state of its own. */
const begun = new Set<string>();

/**
 * After the last test: no answer may have broken the contract, and where all end-to-end tests of `npm test` ran, each
 * status that the OpenAPI document tells of must have been seen.
 */
export const mochaHooks = {
  beforeEach(this: Mocha.Context): void {
    if (this.currentTest !== undefined) begun.add(this.currentTest.fullTitle());
  },
  afterAll(this: Mocha.Context): void {
    const root = rootOf(this.test?.parent);
    const problems = [...violationsSoFar()];
    if (root !== undefined && allRan(root)) problems.push(...unseen().map((pair) => `never seen: ${pair}`));
    if (problems.length > 0) throw new Error(`the contract:\n  ${problems.join("\n  ")}`);
  },
};

function rootOf(suite: Suite | undefined): Suite | undefined {
  return suite?.parent === undefined ? suite : rootOf(suite.parent);
}

/** Whether every end-to-end test of `npm test` was loaded, and none of them left out. */
function allRan(root: Suite): boolean {
  const loaded = new Set(root.suites.map(({ file }) => relative(ROOT, resolve(file ?? ""))));
  return (
    wantedFiles().every((file) => loaded.has(file)) &&
    testsOf(root).every((test) => test.pending || begun.has(test.fullTitle()))
  );
}

/** Those that take long have a command of their own. */
function wantedFiles(): string[] {
  const { scripts } = JSON.parse(readFileSync(resolve(ROOT, "package.json"), "utf8"));
  const ignored = new Set([...scripts.test.matchAll(/--ignore (\S+)/g)].map(([, file]) => file));
  return readdirSync(resolve(ROOT, FOLDER))
    .filter((file) => file.endsWith(".test.ts"))
    .map((file) => `${FOLDER}/${file}`)
    .filter((file) => !ignored.has(file));
}

function testsOf(suite: Suite): Test[] {
  return [...suite.tests, ...suite.suites.flatMap(testsOf)];
}
