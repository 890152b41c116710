import { readFileSync } from "node:fs";
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
    // It has its place now.
    await Promise.resolve();
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

describe("checks of slow schemas", () => {
  const alternatives = (n: number) =>
    Array.from({ length: 5 }, (_, m) => ({ type: "number", minimum: n * m }));
  const properties = Object.fromEntries(
    Array.from({ length: 25 }, (_, n) => [`p${n}`, { anyOf: alternatives(n) }]),
  );
  const slow = { type: "object", properties };
  const threads = () => Number(/^Threads:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]);

  it("run two at once for each key, in a thread each, and do not keep another key's waiting", async function () {
    if (process.platform !== "linux") return this.skip();
    await checkedSchema({ type: "string" }, "a");
    // Files and names are looked up in four threads, which may begin late.
    const most = threads() + 4;
    let seen = 0;
    const look = setInterval(() => {
      seen = Math.max(seen, threads());
    }, 5);
    let left = 10;
    const all = Array.from({ length: left }, async () => {
      await checkedSchema(slow, "a").catch(() => undefined);
      left--;
    });
    await checkedSchema({ type: "string" }, "b");
    expect(left).to.be.greaterThan(4);
    await Promise.all(all);
    clearInterval(look);
    expect(seen).to.be.within(1, most + 4);
  });
});
