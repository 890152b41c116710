import { expect } from "chai";
import { checkedSchema } from "#core/turns/output-check.js";
import { MovableClock } from "#testing/clock.js";
import { rejection } from "../../kernel/kit.js";

describe("the check of an output_schema", () => {
  let clock: MovableClock;
  beforeEach(() => {
    clock = MovableClock.install();
  });
  afterEach(() => clock.uninstall());

  it("is given up after a minute where its thread does not begin", async () => {
    const refused = rejection(checkedSchema({ type: "string" }));
    await clock.advance(60_000);
    expect(await refused).to.include({
      code: "BAD_REQUEST",
      message: "output_schema must be a JSON Schema: the check took longer than 60000 ms",
    });
  });

  it("goes on where its thread begins late", async () => {
    const checked = checkedSchema({ type: "string" });
    await clock.advance(30_000);
    expect(await checked).to.deep.equal({ type: "string" });
  });
});
