import { expect } from "chai";
import { removeFolders } from "../../ledger/fixture.js";
import { runBursts } from "./bursts.js";

describe("budgets under bursts of turns, with kill -9 of the gateway", () => {
  after(removeFolders);

  it("are exceeded by at most one message of each running turn, and their sums are the ledger's: 12 seeded bursts", async () => {
    const report = await runBursts(1, 12);
    expect(report.bursts).to.equal(12);
    expect(report.kills).to.be.greaterThan(1);
    expect(report.pricedLater).to.be.greaterThan(0);
    expect(report.full).to.be.greaterThan(1);
    expect(report.refused).to.be.greaterThan(1);
  });
});
