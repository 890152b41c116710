import { expect } from "chai";
import { databaseAway, suspend } from "./faults.js";
import { type NemesisOptions, nemesis } from "./nemesis.js";

const STOPS: Omit<NemesisOptions, "seed"> = {
  ms: 25_000,
  nodes: 2,
  faults: [suspend],
  length: "long",
  atOnce: 1,
  // Longer than a stop: what a node was doing goes on when it wakes.
  turnMs: 15_000,
};
const OUTAGES: Omit<NemesisOptions, "seed"> = { ...STOPS, faults: [databaseAway], turnMs: 200 };

const LOST = /booked as lost/;
/** What an old epoch would have refused, and two nodes that work in one session at once. */
const WRITTEN =
  /overlapped one of their session|worked at another node|booked as|not in the ledger|under an old epoch|sums of/;

/* The checks of the nemesis are able to fail: each safety rule that is taken out breaks what it is there for. */
describe("the nemesis, steered to the fault that a rule is there for", () => {
  const run = async (how: Omit<NemesisOptions, "seed">, without?: string) => {
    const cluster = without === undefined ? {} : { without };
    const { verdict } = await nemesis({ ...how, seed: 11, cluster });
    return { ...verdict, text: verdict.broken.join("\n") };
  };

  it("is green with all rules, while nodes stop and wake", async () => {
    expect((await run(STOPS)).broken).to.deep.equal([]);
  });

  it("is red without fence and epochs: a woken node writes for sessions that it lost", async () => {
    expect((await run(STOPS, "fence,epoch")).text).to.match(WRITTEN);
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
