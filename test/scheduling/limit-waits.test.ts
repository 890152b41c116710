import { expect } from "chai";
import pino from "pino";
import { type GoingTurn, type LimitedTurn, LimitWaits } from "#scheduling/limit-waits.js";
import { MovableClock } from "#testing/clock.js";

const HOUR = 3_600_000;

/** A turn that is parked until its limit is lifted. */
function waiting(id: string, inMs: number, more: { account?: string; keyId?: string; times?: number } = {}) {
  const { account = "account", keyId = "key", times = 1 } = more;
  const resetsAt = new Date(Date.now() + inMs).toISOString();
  const limit = { resetsAt, since: new Date().toISOString(), account, times };
  return { id, keyId, parked: { limit } } satisfies LimitedTurn;
}

type Ended = Awaited<GoingTurn["ended"]>;
type Response = Ended["outcome"]["response"];

/** A turn that has gone on: the test says when the model answers it, and how it ends. */
class Gone {
  answer: () => void = () => undefined;
  end: (end: "completed" | "parked", response?: Response) => void = () => undefined;
  readonly turn: GoingTurn;

  constructor(id: string) {
    const answered = new Promise<undefined>((resolve) => {
      this.answer = () => resolve(undefined);
    });
    const ended = new Promise<Ended>((resolve) => {
      this.end = (end, response = {}) => resolve({ outcome: { end, response } });
    });
    this.turn = { info: { id }, answered, ended };
  }
}

describe("LimitWaits", () => {
  let clock: MovableClock;
  let waits: LimitWaits;
  let gone: Gone[];
  const ids = () => gone.map(({ turn }) => turn.info.id);
  beforeEach(() => {
    clock = MovableClock.install();
    waits = new LimitWaits({ maxPerKey: 3, log: pino({ enabled: false }) });
    gone = [];
    waits.onDue(async (id) => {
      const one = new Gone(id);
      gone.push(one);
      return one.turn;
    });
  });
  afterEach(() => {
    waits.close();
    clock.uninstall();
  });

  it("lets a turn go on at its reset, at most a minute later, and once", async () => {
    waits.add(waiting("a", 5 * HOUR));
    waits.add(waiting("a", 5 * HOUR));
    await clock.advance(5 * HOUR - 1000);
    expect(ids()).to.deep.equal([]);
    await clock.advance(61_000 + 1000);
    expect(ids()).to.deep.equal(["a"]);
    gone[0]?.answer();
    await clock.advance(24 * HOUR);
    expect(ids()).to.deep.equal(["a"]);
  });

  it("lets a turn go on after more time than a timer of Node can have", async () => {
    waits.add(waiting("a", 30 * 24 * HOUR));
    await clock.advance(30 * 24 * HOUR - 1000);
    expect(ids()).to.deep.equal([]);
    await clock.advance(120_000);
    expect(ids()).to.deep.equal(["a"]);
  });

  it("waits with the next one of an account until the model answers, and not with those of others", async () => {
    for (let i = 0; i < 20; i++) waits.add(waiting(`turn ${i}`, HOUR, { keyId: `key ${i}` }));
    waits.add(waiting("other", HOUR, { account: "another" }));
    await clock.advance(HOUR + 61_000);
    expect(gone).to.have.length(2);
    for (let answered = 0; answered < 20; answered++) {
      const last = gone.filter(({ turn }) => turn.info.id !== "other").at(-1);
      last?.answer();
      // The next one is due when what the answer causes has happened.
      await clock.advance(0);
      await clock.advance(10);
      expect(gone).to.have.length(Math.min(answered + 3, 21));
    }
    expect(new Set(ids()).size).to.equal(21);
  });

  it("has all others of the account wait on if the limit holds", async () => {
    for (const id of ["a", "b", "c"]) waits.add(waiting(id, HOUR));
    await clock.advance(HOUR + 61_000);
    const [first] = gone;
    const resets_at = new Date(Date.now() + 2 * HOUR).toISOString();
    first?.end("parked", { code: "USAGE_LIMIT", resets_at });
    await clock.advance(2 * HOUR - 1000);
    expect(gone).to.have.length(1);
    await clock.advance(61_000);
    expect(gone).to.have.length(2);
  });

  it("has a turn wait longer each time, if the reset that it is told has passed", async () => {
    for (const [times, least] of [
      [1, 1000],
      [4, 8000],
      [40, 15 * 60_000],
    ] as const) {
      const before = gone.length;
      waits.add(waiting(`${times}`, -HOUR, { times }));
      await clock.advance(least - 500);
      expect(gone.length, `the ${times}th time`).to.equal(before);
      await clock.advance(least * 0.1 + 1000);
      expect(gone.length, `the ${times}th time`).to.equal(before + 1);
      gone.at(-1)?.answer();
      await clock.advance(10);
    }
  });

  it("has as many places for a key as it may have, which ended and removed turns give back", async () => {
    const reserve = (id: string, keyId = "key") => waits.reserve({ id, keyId });
    expect(["a", "b", "c", "d"].map((id) => reserve(id))).to.deep.equal([true, true, true, false]);
    expect(reserve("a"), "again").to.equal(true);
    expect(reserve("x", "another")).to.equal(true);
    waits.add(waiting("a", HOUR));
    expect(waits.remove("a")).to.equal(true);
    expect(reserve("d")).to.equal(true);
    waits.add(waiting("b", HOUR));
    await clock.advance(HOUR + 61_000);
    expect(ids()).to.deep.equal(["b"]);
    expect(waits.remove("b"), "it has gone on").to.equal(false);
    expect(reserve("e")).to.equal(false);
    gone[0]?.end("completed");
    await clock.advance(10);
    expect(reserve("e")).to.equal(true);
    waits.add(waiting("c", HOUR));
    await clock.advance(HOUR + 61_000);
    expect(reserve("f")).to.equal(false);
    gone[1]?.end("parked");
    await clock.advance(10);
    expect(reserve("f"), "c waits for a decision by now").to.equal(true);
  });

  it("goes on with the others after a turn that can't go on, or no longer waits", async () => {
    const tried: string[] = [];
    waits.onDue(async (id) => {
      tried.push(id);
      if (id === "a") throw new Error("the ledger is busy");
      return undefined;
    });
    for (const [index, id] of ["a", "b", "c"].entries()) waits.add(waiting(id, HOUR + index * 120_000));
    await clock.advance(HOUR + 10 * 60_000);
    expect(tried).to.deep.equal(["a", "b", "c"]);
  });

  it("lets none go on once it is closed", async () => {
    waits.add(waiting("a", HOUR));
    waits.close();
    waits.add(waiting("b", HOUR));
    await clock.advance(2 * HOUR);
    expect(ids()).to.deep.equal([]);
  });
});
