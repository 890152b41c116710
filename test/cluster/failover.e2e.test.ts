import { expect } from "chai";
import { leaseSecs } from "./lease.js";
import { OUTAGES, runOutage } from "./outage.js";
import { BUSY, IDLE, runTrial, TRIALS } from "./trials.js";

const LEASE_SECS = leaseSecs(3);

for (const trial of TRIALS) {
  describe(`${IDLE} idle and ${BUSY} busy sessions of a node: ${trial.name}`, () => {
    it("are served by the other node, with every turn booked once and no process left", async () => {
      const { verdict, zombieAnswers } = await runTrial(trial, LEASE_SECS);
      expect(verdict.broken).to.deep.equal([]);
      expect(verdict.lost).to.equal(BUSY);
      expect(zombieAnswers).to.equal(0);
    });
  });
}

for (const outage of OUTAGES) {
  describe(`${IDLE} idle and ${BUSY} busy sessions of a node: ${outage.name}`, () => {
    const turns = outage.isFenced ? "the turns end once, without success" : "the turns go on";
    it(`are served again, ${turns}, and no node is buried`, async () => {
      // A short outage includes the start of the database, which takes a second or more.
      const { answers, verdict } = await runOutage(outage, outage.isFenced ? LEASE_SECS : leaseSecs(10));
      expect(verdict.broken).to.deep.equal([]);
      expect(verdict.burials).to.equal(0);
      expect(verdict.lost + verdict.otherwise).to.equal(outage.isFenced ? BUSY : 0);
      expect(answers.every((answer) => (answer === 200) !== outage.isFenced)).to.equal(true);
    });
  });
}
