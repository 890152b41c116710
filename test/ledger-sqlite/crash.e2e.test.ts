import { expect } from "chai";
import { newFolder, removeFolders } from "../ledger/fixture.js";
import { inspect, live, write } from "./kills.js";

describe("ledger: kill -9", () => {
  afterEach(removeFolders);

  // Thirty moments in the long test.
  it("at 10 seeded moments: nothing acknowledged is missing, the file is whole, the sums are exact", async () => {
    const { acknowledged, lost } = await live(1);
    expect(acknowledged).to.be.greaterThan(150);
    expect(lost).to.be.greaterThan(9);
  });

  it("after each of the first 24 writes", async () => {
    const die = async (afterWrite: number): Promise<void> => {
      const dataDir = newFolder();
      const lines = await write(dataDir, afterWrite, { write: afterWrite });
      expect(lines).to.have.length(afterWrite);
      await inspect(dataDir, lines);
    };
    for (let first = 1; first <= 24; first += 4)
      await Promise.all([0, 1, 2, 3].map((next) => die(first + next)));
  });
});
