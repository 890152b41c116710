import { expect } from "chai";
import { SessionOrder } from "#scheduling/order.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

describe("SessionOrder", () => {
  it("admits one turn of a session at a time, in order of arrival", async () => {
    const order = new SessionOrder(10);
    const began: number[] = [];
    const leaves: (() => void)[] = [];
    for (const turn of [1, 2, 3]) {
      void order.enter("s", never).then((leave) => {
        began.push(turn);
        leaves.push(leave);
      });
    }
    for (const expected of [[1], [1, 2], [1, 2, 3]]) {
      await settled();
      expect(began).to.deep.equal(expected);
      leaves.at(-1)?.();
    }
  });

  it("lets those that joined wait until all before them have left", async () => {
    const order = new SessionOrder();
    const [first, second, third] = [order.join("s"), order.join("s"), order.join("s")];
    expect(first.before).to.equal(undefined);
    let gone = 0;
    void second.before?.then(() => gone++);
    void third.before?.then(() => gone++);
    second.leave();
    await settled();
    expect(gone).to.equal(0);
    first.leave();
    await settled();
    expect(gone).to.equal(2);
    third.leave();
    await settled();
    expect(order.join("s").before).to.equal(undefined);
  });

  it("sessions don't wait for each other", async () => {
    const order = new SessionOrder(10);
    await order.enter("one", never);
    await order.enter("other", never);
  });

  it("a cancelled waiter gets the reason, and the next one still waits for earlier turns", async () => {
    const order = new SessionOrder(10);
    const stop = new AbortController();
    const leave = await order.enter("s", never);
    const gone = order.enter("s", stop.signal).catch((reason: unknown) => reason);
    let began = false;
    const next = order.enter("s", never).then(() => {
      began = true;
    });
    stop.abort("interrupted");
    expect(await gone).to.equal("interrupted");
    await settled();
    expect(began, "not before the first has left").to.equal(false);
    leave();
    await next;
  });

  it("a waiter with an aborted signal does not block others", async () => {
    const order = new SessionOrder(10);
    expect(await order.enter("s", AbortSignal.abort("deleted")).catch((reason: unknown) => reason)).to.equal(
      "deleted",
    );
    await order.enter("s", never);
  });

  it("leaving twice admits one", async () => {
    const order = new SessionOrder(10);
    const leave = await order.enter("s", never);
    const began: number[] = [];
    for (const turn of [2, 3]) void order.enter("s", never).then(() => began.push(turn));
    leave();
    leave();
    await settled();
    expect(began).to.deep.equal([2]);
  });

  it("refuses new turns if too many wait, but not turns admitted before", async () => {
    const order = new SessionOrder(2);
    const leave = await order.enter("one", never);
    await order.enter("other", never);
    const second = order.enter("one", never);
    const stop = new AbortController();
    const third = order.enter("other", stop.signal);
    const refused = await order.enter("one", never).catch((error: unknown) => error);
    expect(refused).to.include({ code: "UNAVAILABLE" });
    const again = order.enter("one", never, { again: true });
    await order.enter("a third one", never);
    stop.abort("left");
    expect(await third.catch((error: unknown) => error)).to.equal("left");
    leave();
    (await second)();
    (await again)();
    // All turns of "one" have ended, and no turn waits.
    (await order.enter("one", never))();
    void order.enter("other", never);
    void order.enter("other", never);
    await settled();
    expect(await order.enter("other", never).catch((error: unknown) => error)).to.include({
      code: "UNAVAILABLE",
    });
  });
});
