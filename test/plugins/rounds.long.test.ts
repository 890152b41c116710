import { expect } from "chai";
import { FIRST_PARTY } from "./first-party.js";
import { switchOnAndOff } from "./switching.js";

const ROUNDS = 200;
/** Allowed heap growth over 150 rounds, in bytes; Node's compilation and caches vary. */
const GROWN_BYTES = 8 * 1024 * 1024;

describe(`${ROUNDS} times on and off`, function () {
  this.timeout(120_000);

  for (const name of FIRST_PARTY.filter((one) => one !== "demo")) {
    it(name, async function () {
      const {
        turns,
        failures,
        grownBytes = Number.NaN,
        leaks,
        ms,
      } = await switchOnAndOff(name, ROUNDS, { weighed: true });
      if (this.test !== undefined) {
        this.test.title += `: ${turns} turns, ${(grownBytes / 1e6).toFixed(1)} MB of heap more, ${Math.round(ms)} ms`;
      }
      expect(failures).to.deep.equal([]);
      expect(leaks).to.deep.equal([]);
      expect(grownBytes).to.be.below(GROWN_BYTES);
    });
  }
});
