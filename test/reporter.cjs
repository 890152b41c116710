const {
  reporters: { Spec },
  Runner: { constants },
} = require("mocha");

const SLOWEST = 12;

/**
 * The spec reporter, and: with `--retries` a test that failed at first passes silently, so each is named here with why it
 * failed, for a run to count; at the end come the files that took longest.
 */
module.exports = class Reporter extends Spec {
  constructor(runner, options) {
    super(runner, options);
    const msByFile = new Map();
    runner.on(constants.EVENT_TEST_RETRY, (test, error) => {
      process.stdout.write(`tried again: ${test.fullTitle()}\n${error?.stack ?? error}\n`);
    });
    runner.on(constants.EVENT_TEST_END, ({ file, duration = 0 }) => {
      msByFile.set(file, (msByFile.get(file) ?? 0) + duration);
    });
    runner.once(constants.EVENT_RUN_END, () => {
      if (!process.env.CI) return;
      const slowest = [...msByFile].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
      for (const [file, ms] of slowest)
        process.stdout.write(`${(ms / 1000).toFixed(1).padStart(7)} s  ${file}\n`);
    });
  }
};
