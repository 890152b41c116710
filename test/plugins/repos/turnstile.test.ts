import { expect } from "chai";
import { type Entry, Turnstile } from "#plugins/repos/turnstile.js";

describe("Turnstile", () => {
  /** Those that have entered, in their order, and how each leaves again. */
  const visitors = (places: number) => {
    const turnstile = new Turnstile(places);
    const inside: string[] = [];
    const leave = new Map<string, () => void>();
    const enter = async (entry: Entry, name: string, signal = new AbortController().signal) => {
      const left = await turnstile.enter(entry, signal);
      if (left === undefined) return false;
      inside.push(name);
      leave.set(name, left);
      return true;
    };
    const settled = () => new Promise((resolve) => setImmediate(resolve));
    const go = async (name: string) => {
      leave.get(name)?.();
      inside.splice(inside.indexOf(name), 1);
      await settled();
    };
    return { enter, inside, go, settled };
  };

  it("gives one key at most half of the places, and at least one", async () => {
    for (const [places, most] of [
      [8, 4],
      [5, 2],
      [1, 1],
    ] as const) {
      const { enter, inside, settled } = visitors(places);
      for (let index = 0; index < 8; index++) void enter({ keyId: "a" }, `a${index}`);
      await settled();
      expect(inside).to.have.length(most);
    }
  });

  it("serves waiting keys in turn, and those of a key in the order of their arrival", async () => {
    const { enter, inside, go, settled } = visitors(1);
    for (const name of ["a1", "a2", "a3", "b1", "b2", "c1"]) void enter({ keyId: name.charAt(0) }, name);
    await settled();
    const order: string[] = [];
    for (let [next] = inside; next !== undefined; [next] = inside) {
      order.push(next);
      await go(next);
    }
    expect(order).to.deep.equal(["a1", "a2", "b1", "c1", "a3", "b2"]);
  });

  it("lets in one at once of those that must be alone, without a place for those that wait", async () => {
    const { enter, inside, go, settled } = visitors(4);
    for (const name of ["x1", "x2", "y1"]) void enter({ keyId: "a", alone: name.charAt(0) }, name);
    void enter({ keyId: "b", alone: "x" }, "other key");
    await settled();
    expect(inside).to.deep.equal(["x1", "y1", "other key"]);
    await go("x1");
    expect(inside).to.deep.equal(["y1", "other key", "x2"]);
  });

  it("refuses what is too much: 50 of a key wait, 400 in all", async () => {
    const { enter, go, settled } = visitors(2);
    const answers: (boolean | undefined)[] = [];
    for (let index = 0; index < 52; index++) {
      void enter({ keyId: "a" }, `a${index}`).then((entered) => {
        answers[index] = entered;
      });
    }
    await settled();
    expect([answers[0], answers[50], answers[51]]).to.deep.equal([true, undefined, false]);
    expect(await enter({ keyId: "b" }, "b")).to.equal(true);
    for (let index = 0; index < 350; index++) void enter({ keyId: `c${index}` }, `c${index}`);
    expect(await enter({ keyId: "d" }, "d")).to.equal(false);
    await go("a0");
    expect(answers[1]).to.equal(true);
  });

  it("keeps no place for those whose signal aborts while they wait, or was aborted before", async () => {
    const { enter, inside, go, settled } = visitors(1);
    const gone = new AbortController();
    void enter({ keyId: "a" }, "first");
    const left = enter({ keyId: "a" }, "left", gone.signal);
    void enter({ keyId: "a" }, "last");
    gone.abort();
    expect(await left).to.equal(false);
    expect(await enter({ keyId: "b" }, "late", gone.signal)).to.equal(false);
    await go("first");
    await settled();
    expect(inside).to.deep.equal(["last"]);
  });

  it("gives a place back once only", async () => {
    const { signal } = new AbortController();
    const turnstile = new Turnstile(1);
    const leave = await turnstile.enter({ keyId: "a" }, signal);
    leave?.();
    void turnstile.enter({ keyId: "b" }, signal);
    leave?.();
    const third = turnstile.enter({ keyId: "c" }, signal).then(() => "entered");
    const soon = new Promise((resolve) => setImmediate(resolve, "waits"));
    expect(await Promise.race([third, soon])).to.equal("waits");
  });
});
