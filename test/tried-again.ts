import type { Context } from "mocha";

/** The tests that have begun in this process, by file and title. */
const begun = new Set<string>();

/** With `--retries`, a test that failed at first passes silently: here it is named, so that a run can count them. */
export const mochaHooks = {
  beforeEach(this: Context): void {
    const { currentTest: test } = this;
    if (test === undefined) return;
    const name = `${test.file}: ${test.fullTitle()}`;
    if (begun.has(name)) process.stdout.write(`tried again: ${test.fullTitle()}\n`);
    begun.add(name);
  },
};
