import { expect } from "chai";
import { removeFolders } from "../../ledger/fixture.js";
import { runBursts } from "./bursts.js";

describe("budgets under bursts of turns, with kill -9 of the gateway", function () {
  this.timeout(3600000);
  after(removeFolders);

  it("are exceeded by at most one message of each running turn, and their sums are the ledger's: 200 seeded bursts", async () => {
    const report = await runBursts(2, 200);
    expect(report.bursts).to.equal(200);
    expect(report.kills).to.be.greaterThan(20);
    expect(report.pricedLater).to.be.greaterThan(20);
    expect(report.full).to.be.greaterThan(50);
    expect(report.refused).to.be.greaterThan(50);
  });
});
