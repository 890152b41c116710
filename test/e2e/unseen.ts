import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import type { Suite, Test } from "mocha";
import { unseen, violationsSoFar } from "./exchanges.js";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));

/**
 * After the last test: no answer may have broken the contract, and where all end-to-end tests ran, each status that the
 * OpenAPI document tells of must have been seen.
 */
export const mochaHooks = {
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

/** Whether every end-to-end test was loaded and none was left out. */
function allRan(root: Suite): boolean {
  const loaded = new Set(root.suites.map(({ file }) => basename(file ?? "")));
  const wanted = readdirSync(FOLDER).filter((file) => file.endsWith(".test.ts"));
  const tests = testsOf(root);
  return (
    wanted.every((file) => loaded.has(file)) &&
    tests.every(({ state, pending }) => pending || state !== undefined)
  );
}

function testsOf(suite: Suite): Test[] {
  return [...suite.tests, ...suite.suites.flatMap(testsOf)];
}
