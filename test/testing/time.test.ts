import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { definePlugin } from "@claudeway/core";
import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../e2e/poll.js";
import { rejection, rejectionMessage } from "../kernel/kit.js";

const HOUR_MS = 60 * 60 * 1000;

const asking = definePlugin<object>({
  name: "asking",
  apiVersion: 1,
  configSchema: { type: "object" },
  apply(kernel) {
    kernel.hooks.approve.tap("all", () => ({ verdict: "ask", liveWaitSecs: 3600, expiresSecs: 24 * 3600 }));
  },
});

/** Records the time when its timers fire. */
const told: string[] = [];
const timed = definePlugin<object>({
  name: "timed",
  apiVersion: 1,
  configSchema: { type: "object" },
  apply(kernel) {
    told.length = 0;
    const started = Date.now();
    const tell = (what: string) =>
      told.push(`${what} after ${Math.round((Date.now() - started) / HOUR_MS)} h`);
    const timer = setTimeout(tell, 2 * HOUR_MS, "timeout");
    const interval = setInterval(() => tell("interval"), 3 * HOUR_MS);
    const never = setTimeout(tell, HOUR_MS, "cleared");
    clearTimeout(never);
    const closed = setTimeout(tell, HOUR_MS, "closed");
    closed.close();
    void sleep(4 * HOUR_MS, "sleep", { signal: kernel.signal }).then(tell, () => undefined);
    void promisify(setTimeout)(5 * HOUR_MS, "promisified").then(tell);
    kernel.onDispose(() => {
      clearTimeout(timer);
      clearInterval(interval);
    });
  },
});

describe("a test gateway's time", () => {
  let gateway: TestGateway;

  afterEach(() => gateway.close());

  it("lets a timer that it has fired be refreshed, also after the gateway is closed", async () => {
    gateway = await createTestGateway({ controlTime: true });
    let fired = 0;
    const timer = setTimeout(() => fired++, 20);
    const other = setTimeout(() => fired++, 20);
    await gateway.advance(20);
    expect(fired).to.equal(2);
    other.refresh();
    clearTimeout(other);
    timer.refresh();
    await gateway.advance(20);
    expect(fired).to.equal(3);
    await gateway.close();
    timer.refresh();
    await eventually("the refreshed timer", () => fired === 4);
  });

  it("moves plugins' timers, each when it is due", async () => {
    gateway = await createTestGateway({ plugins: [timed], controlTime: true });
    await gateway.advance(6 * HOUR_MS + 1000);
    expect(told).to.deep.equal([
      "timeout after 2 h",
      "interval after 3 h",
      "sleep after 4 h",
      "promisified after 5 h",
      "interval after 6 h",
    ]);
    await gateway.disable("timed");
    await gateway.advance(6 * HOUR_MS);
    expect(told).to.have.length(5);
  });

  it("runs normally between two advances", async () => {
    gateway = await createTestGateway({ controlTime: true });
    const started = performance.now();
    const later = sleep(HOUR_MS + 20).then(() => performance.now());
    await gateway.advance(HOUR_MS);
    expect((await later) - started).to.be.within(HOUR_MS + 15, 2 * HOUR_MS);
    expect(await gateway.turn("hello")).to.include({ success: true });
  });

  it("parks a call without a decision, and expires it", async () => {
    gateway = await createTestGateway({
      plugins: [asking],
      controlTime: true,
      replies: function* () {
        const call = yield { tool: "Write" };
        yield call?.allowed === false ? call.message : "written";
      },
    });
    const turn = gateway.turn("write");
    const { id } = await gateway.approvals.next();
    await gateway.advance(HOUR_MS);
    const { pending_approval: pending } = await turn;
    expect(pending).to.include({ id, parked: true });
    await gateway.advance(24 * HOUR_MS);
    expect(await gateway.approvals.list()).to.have.nested.property("[0].status", "expired");
    const answer = await (await gateway.fetch(`/turns/${pending?.turn_id}`)).json();
    expect(answer).to.have.nested.property("result.result").that.contains("expired without a decision");
  });

  it("ends a turn that exceeds its timeout", async () => {
    gateway = await createTestGateway({ controlTime: true, replies: () => [{ wait: "for good" }] });
    const late = rejection(gateway.turn("hang", { timeout_secs: 3000 }));
    while (gateway.ran.length === 0) await sleep(1);
    await gateway.advance(3000 * 1000);
    expect(await late).to.include({ status: 408 });
  });

  it("belongs to one gateway, and is restored when that is closed", async () => {
    gateway = await createTestGateway({ controlTime: true });
    expect(await rejectionMessage(createTestGateway({ controlTime: true }))).to.match(
      /^controlTime: another/,
    );
    const before = Date.now();
    await gateway.advance(HOUR_MS);
    expect(Date.now() - before).to.be.at.least(HOUR_MS);
    await gateway.close();
    expect(Date.now() - before).to.be.below(HOUR_MS);
    gateway = await createTestGateway();
    expect(await rejectionMessage(gateway.advance(1))).to.match(/^advance requires a gateway/);
  });
});
