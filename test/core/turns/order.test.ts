import { expect } from "chai";
import { SessionOrder } from "../../../core/dist/turns/order.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

describe("SessionOrder", () => {
  it("lets one turn of a session in at a time, in the order in which they came", async () => {
    const order = new SessionOrder();
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

  it("sessions don't wait for each other", async () => {
    const order = new SessionOrder();
    await order.enter("one", never);
    await order.enter("other", never);
  });

  it("one who stops waiting gets the reason, and the next still waits for those before it", async () => {
    const order = new SessionOrder();
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

  it("one who had stopped before it came does not hold up the line", async () => {
    const order = new SessionOrder();
    expect(await order.enter("s", AbortSignal.abort("deleted")).catch((reason: unknown) => reason)).to.equal(
      "deleted",
    );
    await order.enter("s", never);
  });

  it("leaving twice lets one in", async () => {
    const order = new SessionOrder();
    const leave = await order.enter("s", never);
    const began: number[] = [];
    for (const turn of [2, 3]) void order.enter("s", never).then(() => began.push(turn));
    leave();
    leave();
    await settled();
    expect(began).to.deep.equal([2]);
  });
});
