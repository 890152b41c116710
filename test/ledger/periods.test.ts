import { expect } from "chai";
import { periodOf } from "#ledger/periods.js";

describe("periods of totals", () => {
  it("name ISO weeks as the calendar does", () => {
    // Years with 53 weeks, and days that belong to the year before or after.
    const weeks = {
      "2020-12-31": "2020-W53",
      "2021-01-03": "2020-W53",
      "2021-01-04": "2021-W01",
      "2022-01-01": "2021-W52",
      "2024-12-29": "2024-W52",
      "2024-12-30": "2025-W01",
      "2026-12-31": "2026-W53",
      "2027-01-03": "2026-W53",
      "2027-01-04": "2027-W01",
      "2026-11-22": "2026-W47",
      "2000-02-29": "2000-W09",
    };
    for (const [day, week] of Object.entries(weeks)) {
      for (const time of ["00:00:00.000", "23:59:59.999"]) {
        expect(periodOf("week", Date.parse(`${day}T${time}Z`)), day).to.equal(week);
      }
    }
  });
});
