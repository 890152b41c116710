import { GatewayError } from "@claudeway/ports";
import { expect } from "chai";
import { rangeOf } from "#workdirs/files/range.js";

describe("a range of bytes", () => {
  const cases: readonly (readonly [string, number, string])[] = [
    ["bytes=0-0", 1, "0-0"],
    ["bytes=0-", 10, "0-9"],
    ["bytes=-1", 10, "9-9"],
    [" bytes=2-3 ", 10, "2-3"],
    ["bytes=0-999999999999999", 10, "0-9"],
    ["bytes=0-9999999999999999", 10, "all"],
    ["bytes=1e3-", 10, "all"],
    ["bytes=-5-6", 10, "all"],
    ["bytes=+1-2", 10, "all"],
    ["BYTES=0-1", 10, "all"],
    ["bytes=0-1, 3-4", 10, "all"],
    ["bytes=3-2", 10, "all"],
    ["", 10, "all"],
    ["bytes=0-", 0, "none"],
    ["bytes=-1", 0, "none"],
    ["bytes=-0", 10, "none"],
    ["bytes=10-20", 10, "none"],
  ];
  for (const [header, size, expected] of cases) {
    it(`${JSON.stringify(header)} of ${size} bytes is ${expected}`, () => {
      expect(shown(header, size)).to.equal(expected);
    });
  }
});

function shown(header: string, size: number): string {
  try {
    const range = rangeOf(header, size);
    return range === undefined ? "all" : `${range.first}-${range.last}`;
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== "RANGE_NOT_SATISFIABLE") throw error;
    return "none";
  }
}
