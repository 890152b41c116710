import { expect } from "chai";
import { GuessThrottle } from "#core/http/guesses.js";

const MINUTE = 60_000;

describe("guesses", () => {
  let now: number;
  let guesses: GuessThrottle;
  beforeEach(() => {
    now = 0;
    guesses = new GuessThrottle(() => now);
  });

  it("wait after three failures: 1 s, 2 s, 4 s … a minute; one side by one", () => {
    const waits: number[] = [];
    for (let failure = 0; failure < 12; failure++) {
      guesses.failed("a");
      const wait = guesses.waitMs("a");
      waits.push(wait);
      now += wait;
    }
    expect(waits.slice(0, 6)).to.deep.equal([0, 0, 1000, 2000, 4000, 8000]);
    expect(waits.at(-1)).to.equal(MINUTE);
    expect(guesses.waitMs("b")).to.equal(0);
    guesses.succeeded("a");
    expect(guesses.waitMs("a")).to.equal(0);
  });

  it("are refused while they have to wait, with the time in whole seconds", () => {
    for (let failure = 0; failure < 4; failure++) guesses.failed("a");
    now += 500;
    expect(() => guesses.check("a"))
      .to.throw("too many refused attempts; try again in 2 s")
      .that.deep.includes({ code: "TOO_MANY_REQUESTS", options: { headers: { "retry-after": "2" } } });
    now += 1500;
    guesses.check("a");
  });

  it("are 32 at once, and one by one after three failures", () => {
    const ends = Array.from({ length: 32 }, () => guesses.begin("a"));
    expect(() => guesses.begin("a")).to.throw("too many refused attempts");
    for (const end of ends) end(true);
    now += 2 * MINUTE;
    const end = guesses.begin("a");
    expect(() => guesses.begin("a")).to.throw("try again in 1 s");
    end(false);
    guesses.begin("a")(false);
  });

  it("are forgotten after a quarter of an hour", () => {
    for (let failure = 0; failure < 12; failure++) guesses.failed("a");
    now += 15 * MINUTE;
    guesses.failed("a");
    expect(guesses.waitMs("a")).to.equal(0);
  });
});
