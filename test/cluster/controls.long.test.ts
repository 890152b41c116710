import { expect } from "chai";
import { INSTALL_TIMEOUT_MS } from "../debian.js";
import { databaseAway, suspend } from "./faults.js";
import { type NemesisOptions, nemesis } from "./nemesis.js";

const STOPS: Omit<NemesisOptions, "seed"> = {
  ms: 25_000,
  nodes: 2,
  faults: [suspend],
  length: "long",
  atOnce: 1,
  turnMs: 6_000,
};
const OUTAGES: Omit<NemesisOptions, "seed"> = { ...STOPS, faults: [databaseAway], turnMs: 200 };

const OVERLAP = /overlapped one of their session/;
const LOST = /booked as lost/;
const STRANGER = /worked at another node/;

/* The checks of the nemesis are able to fail: each safety rule that is taken out breaks what it is there for. */
describe("the nemesis, steered to the fault that a rule is there for", function () {
  this.timeout(INSTALL_TIMEOUT_MS);
  const run = async (how: Omit<NemesisOptions, "seed">, without?: string) => {
    const cluster = without === undefined ? {} : { without };
    const { verdict } = await nemesis({ ...how, seed: 11, cluster });
    return { ...verdict, text: verdict.broken.join("\n") };
  };

  it("is green with all rules, while nodes stop and wake", async () => {
    expect((await run(STOPS)).broken).to.deep.equal([]);
  });

  it("is red without the fence: turns of a session overlap; but epochs keep the books right", async () => {
    const { text } = await run(STOPS, "fence");
    expect(text).to.match(OVERLAP).and.not.match(LOST).and.not.match(STRANGER);
  });

  it("is red without fence and epochs: a woken node begins turns of sessions that it lost", async () => {
    expect((await run(STOPS, "fence,epoch")).text).to.match(STRANGER);
  });

  it("is red without the fence and what the end says: answers that the books do not have", async () => {
    expect((await run(STOPS, "fence,end")).text).to.match(LOST);
  });

  it("buries no node whose database was away", async () => {
    const { broken, burials } = await run(OUTAGES);
    expect(broken).to.deep.equal([]);
    expect(burials).to.equal(0);
  });

  it("buries nodes without the rule of blindness", async () => {
    expect((await run(OUTAGES, "blindness")).burials).to.be.greaterThan(0);
  });
});
