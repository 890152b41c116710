import { expect } from "chai";
import { duration } from "../../../plugins/dashboard/web/src/lib/format.js";

describe("dashboard: durations", () => {
  for (const [ms, shown] of [
    [999, "999 ms"],
    [1500, "1.5 s"],
    [60_000, "1 min"],
    [119_600, "2 min"],
    [125_000, "2 min 5 s"],
    [3_599_700, "1 h"],
    [3_660_000, "1 h 1 min"],
    [172_800_000, "2 d"],
    [180_000_000, "2 d 2 h"],
  ] as const) {
    it(`show ${ms} ms as ${shown}`, () => expect(duration(ms)).to.equal(shown));
  }
});
