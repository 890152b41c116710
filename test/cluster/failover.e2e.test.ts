import { expect } from "chai";
import { INSTALL_TIMEOUT_MS } from "../debian.js";
import { BUSY, IDLE, runTrial, TRIALS } from "./trials.js";

const LEASE_SECS = 3;

for (const trial of TRIALS) {
  describe(`${IDLE} idle and ${BUSY} busy sessions of a node: ${trial.name}`, function () {
    this.timeout(INSTALL_TIMEOUT_MS);

    it("are served by the other node, with every turn booked once and no process left", async () => {
      const { verdict, zombieAnswers } = await runTrial(trial, LEASE_SECS);
      expect(verdict.broken).to.deep.equal([]);
      expect(verdict.lost).to.equal(BUSY);
      expect(zombieAnswers).to.equal(0);
    });
  });
}
