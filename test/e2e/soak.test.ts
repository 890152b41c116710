import { loadavg } from "node:os";
import { expect } from "chai";
import { soak } from "../../bench/soak.js";

/** Long enough for each kind of thing, which a busy machine does more slowly. */
const MINUTES = 0.4 * Math.max(1, (loadavg()[0] ?? 0) / 10);

describe("a mixed load", () => {
  it("is served: exact cost, every turn ends, bounded processes, no leaks", async () => {
    const report = await soak(MINUTES, 7);
    expect(report.wrong).to.deep.equal([]);
    expect(report.unended, "turns without an end").to.equal(0);
    expect(report.integrity).to.equal("ok");
    expect(report.mostProcesses).to.be.within(1, report.maxProcesses);
    expect(Object.keys(report.done).length, "kinds of things done").to.be.above(5);
    expect(report.sessions - report.estimated, "sessions with exact money").to.be.above(0);
  });
});
