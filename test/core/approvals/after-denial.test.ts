import { definePlugin } from "@claudeway/core";
import {
  type CallOutcome,
  createTestGateway,
  type Script,
  type Step,
  type TestGateway,
} from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { rejection } from "../../kernel/kit.js";

/** Has a person asked about every call; `deciders`: only through these. */
const asking = definePlugin<{ deciders?: string[] }>({
  name: "asking",
  apiVersion: 1,
  configSchema: { type: "object", properties: { deciders: { type: "array" } } },
  apply(kernel, { deciders }) {
    kernel.hooks.approve.tap("all", () => ({
      verdict: "ask",
      liveWaitSecs: 60,
      ...(deciders && { deciders: ["admin"] }),
    }));
  },
});

/** Makes one call, whatever it is asked. */
function* makes(): Generator<Step, void, CallOutcome | undefined> {
  const outcome = yield { tool: "Bash", input: { command: "make" }, id: "toolu_make" };
  yield outcome?.allowed ? "made" : "not made";
}

describe("POST /session/:id/approve", () => {
  let gateway: TestGateway;
  afterEach(() => gateway.close());

  it("approves a denied call once, not while its turn runs or after it has run", async () => {
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const replies: Script = function* (turn) {
      if (turn.earlier.length > 0) yield { wait: finished };
      yield* makes();
    };
    gateway = await createTestGateway({ config: { no_permissions_bypass: true }, replies });
    const session = await gateway.session();
    await session.turn("make it");
    const approved = session.approve(["toolu_make"]);
    await eventually("the approved turn to run", () => gateway.ran.length === 2);
    const early = await rejection(session.approve(["toolu_make"]));
    expect(early).to.include({ status: 409, message: "tool_use_ids: toolu_make is already being approved" });
    finish();
    expect(await approved).to.include({ result: "made" });
    const late = await rejection(session.approve(["toolu_make"]));
    expect(late).to.include({ status: 409 }).and.have.property("message").that.contains("may have run");
    expect(gateway.ran).to.have.length(2);
  });

  it("approves a call that was denied many turns ago", async () => {
    const replies: Script = ({ prompt }) => (prompt === "talk" ? "yes" : makes());
    gateway = await createTestGateway({ config: { no_permissions_bypass: true }, replies });
    const session = await gateway.session();
    await session.turn("make it");
    for (let turn = 0; turn < 30; turn++) await session.turn("talk");
    expect((await session.approve(["toolu_make"])).approved).to.deep.equal([
      { tool_use_id: "toolu_make", ran: true },
    ]);
    const late = await rejection(session.approve(["toolu_make"]));
    expect(late).to.include({ status: 409 });
  });

  it("does not replace a decider that the configuration names", async () => {
    gateway = await createTestGateway({ config: { no_permissions_bypass: true }, replies: makes });
    const session = await gateway.session({ key: "user" });
    await session.turn("make it");
    await gateway.enable([asking, { deciders: ["admin"] }]);
    const approved = session.approve(["toolu_make"]);
    const { id } = await gateway.approvals.next();
    await gateway.approvals.decide(id, "deny");
    expect(await approved).to.include({ result: "not made" });
  });

  it("refuses to mix pending and denied calls", async () => {
    gateway = await createTestGateway({ plugins: [asking], replies: makes });
    const session = await gateway.session();
    const turn = session.turn("make it");
    const { id } = await gateway.approvals.next();
    const refused = await rejection(session.approve(["toolu_make", "toolu_other"]));
    expect(refused).to.include({ status: 400 });
    expect(refused).to.have.property("message").that.contains("pending: toolu_make");
    expect(await gateway.approvals.list({ status: "pending" })).to.have.length(1);
    await gateway.approvals.decide(id, "allow");
    expect(await turn).to.include({ result: "made" });
  });
});

describe("a call that is too large for a person to look at", () => {
  it("is denied, and neither recorded nor approved afterwards", async () => {
    const replies: Script = function* ({ prompt }) {
      const input = { file_path: "a.txt", content: "x".repeat(Number(prompt)) };
      const outcome = yield { tool: "Write", input, id: "toolu_large" };
      yield outcome?.allowed === false ? outcome.message : "written";
    };
    const gateway = await createTestGateway({ plugins: [asking], replies });
    try {
      const answer = await gateway.turn(String(1024 * 1024));
      expect(answer.result).to.equal("This call is too large for a person to decide on, so it was not run.");
      expect(await gateway.approvals.list()).to.deep.equal([]);
      const smaller = gateway.turn(String(1000 * 1000));
      await gateway.approvals.decide((await gateway.approvals.next()).id, "allow");
      expect((await smaller).result).to.equal("written");
    } finally {
      await gateway.close();
    }
  });
});
