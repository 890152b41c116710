import { expect } from "chai";
import { processesThatFit } from "#config/memory.js";
import { loadRun } from "./sources.js";

const GB = 1024 ** 3;

describe("how many processes there are by default", () => {
  it("follows the memory, at 128 MB for each in half of it", () => {
    expect([2, 4, 8, 64].map((gb) => processesThatFit(gb * GB))).to.deep.equal([8, 16, 32, 256]);
    expect(processesThatFit(10_000 * GB)).to.equal(1000);
  });

  it("is never below max_running, and is what was configured where something was", () => {
    expect(loadRun({ file: "[engine]\nmax_running = 5000" }).config.engine.max_processes).to.equal(5000);
    expect(loadRun({ file: "[engine]\nmax_processes = 3" }).config.engine.max_processes).to.equal(3);
  });
});
