import { expect } from "chai";
import { removeFolders } from "../ledger/fixture.js";
import { live } from "./kills.js";

describe("ledger: kill -9", () => {
  after(removeFolders);

  it("at 30 seeded moments: nothing acknowledged is missing, the file is whole, the sums are exact", async () => {
    const lives = await Promise.all([1, 2, 3].map(live));
    expect(lives.reduce((sum, { acknowledged }) => sum + acknowledged, 0)).to.be.greaterThan(500);
    expect(lives.reduce((sum, { lost }) => sum + lost, 0)).to.be.greaterThan(30);
  }).timeout(300_000);
});
