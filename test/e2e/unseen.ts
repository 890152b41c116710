import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Suite, Test } from "mocha";
import { run } from "../temporary.js";
import { seenSoFar, unseen, violationsSoFar } from "./exchanges.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = "test/e2e";

/** Where each process leaves what its exchanges have shown, for the check after the last of them. */
const FOLDER_OF_RUN = join(run, "seen");

/** What one process leaves when the tests of a file, or of all, are over. */
interface Left {
  /** The files whose tests have all run. */
  readonly ran: readonly string[];
  readonly seen: readonly string[];
}

/** The titles of the tests that have begun; one that is tried again keeps no state of its own. */
const begun = new Set<string>();

/** After the last test: no answer may have broken the contract. */
export const mochaHooks = {
  beforeEach(this: Mocha.Context): void {
    if (this.currentTest !== undefined) begun.add(this.currentTest.fullTitle());
  },
  afterAll(this: Mocha.Context): void {
    const root = rootOf(this.test?.parent);
    leave({ ran: root?.suites.filter(ranInFull).map(fileOf) ?? [], seen: [...seenSoFar()] });
    const problems = violationsSoFar();
    if (problems.length > 0) throw new Error(`the contract:\n  ${problems.join("\n  ")}`);
  },
};

/**
 * After the last process: where all end-to-end tests of `npm test` ran, each status that the OpenAPI document tells of
 * must have been seen.
 */
export function mochaGlobalTeardown(): void {
  const left = collect();
  const ran = new Set(left.flatMap((one) => one.ran));
  if (!wantedFiles().every((file) => ran.has(file))) return;
  const never = unseen(new Set(left.flatMap((one) => one.seen)));
  process.stdout.write(`every status of the API document was looked for; never seen: ${never.length}\n`);
  if (never.length > 0) throw new Error(`the contract, never seen:\n  ${never.join("\n  ")}`);
}

function leave(left: Left): void {
  mkdirSync(FOLDER_OF_RUN, { recursive: true });
  writeFileSync(join(FOLDER_OF_RUN, randomUUID()), JSON.stringify(left));
}

function collect(): Left[] {
  if (!existsSync(FOLDER_OF_RUN)) return [];
  return readdirSync(FOLDER_OF_RUN).map((name) =>
    JSON.parse(readFileSync(join(FOLDER_OF_RUN, name), "utf8")),
  );
}

function rootOf(suite: Suite | undefined): Suite | undefined {
  return suite?.parent === undefined ? suite : rootOf(suite.parent);
}

function fileOf({ file }: Suite): string {
  return relative(ROOT, resolve(file ?? ""));
}

function ranInFull(suite: Suite): boolean {
  return testsOf(suite).every((test) => test.pending || begun.has(test.fullTitle()));
}

/** Long tests have their own command. */
function wantedFiles(): string[] {
  return readdirSync(resolve(ROOT, FOLDER))
    .filter((file) => file.endsWith(".test.ts") && !file.endsWith(".long.test.ts"))
    .map((file) => `${FOLDER}/${file}`);
}

function testsOf(suite: Suite): Test[] {
  return [...suite.tests, ...suite.suites.flatMap(testsOf)];
}
