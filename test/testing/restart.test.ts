import { definePlugin } from "@claudeway/core";
import { createTestGateway, LeakError } from "@claudeway/testing";
import { expect } from "chai";
import { rejection } from "../kernel/kit.js";

let leaked: NodeJS.Timeout | undefined;

/** Counts its starts, in the ledger and in a file. */
const starts = definePlugin<{ leak: boolean }>({
  name: "starts",
  apiVersion: 1,
  configSchema: { type: "object", properties: { leak: { type: "boolean", default: false } } },
  async apply({ store, notice }, { leak }) {
    const count = Number((await store.get("starts"))?.value ?? 0) + 1;
    await store.set("starts", count);
    notice(`start ${count}`);
    if (leak) leaked = setInterval(() => undefined, 1000);
  },
});

describe("a test gateway that is restarted", () => {
  it("has the same data, keys and sessions, on another port", async () => {
    await using gateway = await createTestGateway({ plugins: [starts], replies: "one" });
    const session = await gateway.session({ key: "user" });
    expect((await session.turn("hello")).result).to.equal("one");
    const { url, dir, keys } = gateway;

    await gateway.restart();
    expect(gateway.plugins()[0]?.notices).to.deep.equal(["start 2"]);
    expect({ dir: gateway.dir, keys: gateway.keys }).to.deep.equal({ dir, keys });
    expect(gateway.url).not.to.equal(url);
    expect(gateway.ran).to.deep.equal([]);
    expect((await session.turn("again")).result).to.equal("one");
    expect(await session.info()).to.include({ task_count: 2 });
  });

  it("may have other plugins, settings and replies", async () => {
    await using gateway = await createTestGateway({ plugins: [starts], replies: "one" });
    await gateway.restart({ plugins: [], replies: "two", config: { log_level: "warn" } });
    expect(gateway.plugins()).to.deep.equal([]);
    expect((await gateway.turn("hello")).result).to.equal("two");
    await gateway.restart();
    expect(gateway.plugins()[0]?.notices, "the options of the first start").to.deep.equal(["start 2"]);
  });

  it("keeps a call that waits for a person, and moves the clock on", async () => {
    const asks = definePlugin<object>({
      name: "asks",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply: ({ hooks }) => hooks.approve.tap("all", () => ({ verdict: "ask", liveWaitSecs: 1 })),
    });
    await using gateway = await createTestGateway({
      plugins: [asks],
      replies: () => [{ tool: "Write" }, "written"],
      controlTime: true,
    });
    const turn = gateway.turn("hello");
    const { id } = await gateway.approvals.next();
    await gateway.advance(2000);
    expect((await turn).pending_approval?.tool).to.equal("Write");
    await gateway.restart();
    expect((await gateway.approvals.next()).id).to.equal(id);
    await gateway.advance(1000);
  });

  it("rejects if a plugin leaked, or does not start, and can be closed then", async () => {
    const gateway = await createTestGateway({ plugins: [[starts, { leak: true }]] });
    expect(await rejection(gateway.restart())).to.be.instanceOf(LeakError);
    clearInterval(leaked);
    await gateway.close();
    const other = await createTestGateway();
    expect(await rejection(other.restart({ plugins: ["no_such_one"] }))).to.be.instanceOf(Error);
    await other.restart();
    expect((await other.turn("hello")).success).to.equal(true);
    await other.close();
  });
});
