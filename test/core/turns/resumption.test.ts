import { randomUUID } from "node:crypto";
import { type CallAnswer, GatewayError, type Ledger, LedgerError, Refusal } from "@claudeway/ports";
import type { TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { denialOf } from "#core/approvals/view.js";
import type { Services } from "#core/services.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../../e2e/poll.js";
import { deferred } from "../../kernel/kit.js";
import { newApproval, newTurn, parkedFor, tokens, usageOf } from "../../ledger/fixture.js";
import { BookOwnership } from "./book-ownership.js";
import { CALLER, newSessionOf, promptIn, ServicesKit } from "./services-kit.js";

/** Waits in each run, until it is stopped. Before that it asks what was decided on the parked call, if `asks`. */
class WaitingEngine extends ScriptedEngine {
  runs = 0;
  asks = false;
  answers: (CallAnswer | undefined)[] = [];

  override async run(...[turn, listener, stop]: Parameters<ScriptedEngine["run"]>) {
    this.runs += 1;
    const { parkedCall: toolUseId, plan } = turn;
    if (this.asks && toolUseId !== undefined) {
      const call = { tool: "Write", input: { file_path: "a" }, cwd: plan.workdir, agentId: undefined };
      const untilLast = () => Promise.resolve(true);
      this.answers.push(await turn.decider?.decide({ ...call, toolUseId, signal: stop, untilLast }));
    }
    return new ScriptedEngine(() => [{ wait: "for good" }]).run(
      { ...turn, parkedCall: undefined },
      listener,
      stop,
    );
  }
}

const BROKEN = "The gateway could not get a decision on this call, so it was not run.";

describe("a turn whose call was decided", () => {
  let kit: ServicesKit;
  let ledger: Ledger;
  let engine: WaitingEngine;
  let services: Services;
  beforeEach(async () => {
    kit = await ServicesKit.open();
    ({ ledger } = kit);
    engine = new WaitingEngine();
    services = await kit.start(await BookOwnership.join(ledger.nodes, "one"), engine);
  });
  afterEach(() => kit.close());

  /** A turn of the session that is parked, and whose call has been allowed since. */
  async function decided(sessionId: string, approved?: TurnResponse["approved"]): Promise<string> {
    const turn = newTurn({ id: sessionId, keyId: "admin", kind: "session" });
    await ledger.turns.begin(turn, { epoch: 0 });
    const approval = newApproval(turn, { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    await ledger.approvals.ask(approval);
    const at = new Date().toISOString();
    const usage = usageOf("sonnet", tokens(1, 1), 0.01);
    const parked = parkedFor(approval);
    const denials = { permission_denials: [denialOf(approval)] };
    const response = { ...parked.response, ...denials, ...(approved !== undefined && { approved }) };
    await ledger.turns.park(turn.id, { at, usage, model: "sonnet", parked: { ...parked, response } });
    await ledger.approvals.settle(approval.id, "allowed");
    return turn.id;
  }
  const runningTurn = async (id: string) => {
    const turn = services.turns.get(id);
    if (turn === undefined) throw new Error("the turn does not run");
    await eventually("the engine runs it", () => engine.runs > 0);
    return turn;
  };

  it("goes on again if its end could not be recorded, but not at once", async () => {
    const id = await decided(await newSessionOf(services));
    await services.resumption.goOn(id);
    const { end } = ledger.turns;
    ledger.turns.end = () => Promise.reject(new LedgerError("ledger: broken"));
    (await runningTurn(id)).stop("interrupted");
    await services.turns.get(id)?.ended;
    ledger.turns.end = end;
    await services.resumption.goOn(id);
    expect(services.turns.get(id)).to.equal(undefined);
    await eventually("it goes on again", () => services.turns.get(id));
  });

  it("has failed if it is refused now, and keeps its Idempotency-Key, since it ran before", async () => {
    const id = await decided(await newSessionOf(services));
    kit.kernel?.hooks.spawn.tap("disk", () => {
      throw new Refusal(413, "the folder is full");
    });
    await services.resumption.goOn(id);
    await services.turns.get(id)?.ended;
    expect((await ledger.turns.get(id))?.ended?.end).to.equal("failed");
    expect(engine.runs).to.equal(0);
  });

  it("goes on by itself once the ledger that failed answers", async () => {
    const id = await decided(await newSessionOf(services));
    const { get } = ledger.turns;
    ledger.turns.get = () => Promise.reject(new LedgerError("ledger: away", {}, true));
    await services.resumption.goOn(id);
    ledger.turns.get = get;
    const { unresolved } = ledger.approvals;
    let asked = 0;
    ledger.approvals.unresolved = () => {
      asked += 1;
      return Promise.reject(new LedgerError("ledger: away", {}, true));
    };
    await eventually("it has begun", () => asked === 1 && services.turns.get(id) === undefined);
    ledger.approvals.unresolved = unresolved;
    await eventually("it runs", () => engine.runs === 1);
    expect(await ledger.turns.get(id)).to.have.property("ended", undefined);
  });

  it("has its call run, though the ledger failed when the CLI asked for the decision", async () => {
    engine.asks = true;
    const { unpark } = ledger.turns;
    let failures = 0;
    ledger.turns.unpark = async (turnId) => {
      if (failures++ < 2) throw new LedgerError("ledger: away", {}, true);
      await unpark(turnId);
    };
    const id = await decided(await newSessionOf(services));
    await services.resumption.goOn(id);
    await eventually("the call is answered", () => engine.answers.length === 1);
    expect(engine.answers).to.deep.equal([{ answer: "allow" }]);
    expect(await ledger.turns.parked((await ledger.turns.get(id))?.sessionId ?? "")).to.deep.equal([]);
  });

  it("has its call denied by a rule that was added while the ledger failed", async () => {
    engine.asks = true;
    let failures = 0;
    const { unpark } = ledger.turns;
    ledger.turns.unpark = async (turnId) => {
      if (failures++ === 0) throw new LedgerError("ledger: away", {}, true);
      await unpark(turnId);
    };
    kit.kernel?.hooks.approve.tap("rules", () =>
      failures > 0 ? { verdict: "deny", message: "not any more" } : { verdict: "allow" },
    );
    await services.resumption.goOn(await decided(await newSessionOf(services)));
    await eventually("the call is answered", () => engine.answers.length === 1);
    expect(engine.answers).to.deep.equal([{ answer: "deny", message: "not any more" }]);
  });

  it("stays parked if it is stopped by a shutdown while the decision can't be passed on", async () => {
    engine.asks = true;
    const { unpark } = ledger.turns;
    let failures = 0;
    let isClosing = false;
    ledger.turns.unpark = async (turnId) => {
      failures += 1;
      if (!isClosing) throw new LedgerError("ledger: away", {}, true);
      await unpark(turnId);
    };
    const id = await decided(await newSessionOf(services));
    await services.resumption.goOn(id);
    const turn = await runningTurn(id);
    await eventually("the decision can't be passed on", () => failures > 0);
    // From now on the ledger answers, but the CLI is gone.
    isClosing = true;
    services.closeTurns();
    services.turns.stopAll("shutdown");
    expect((await turn.ended).outcome.end).to.equal("parked");
    expect(engine.answers).to.deep.include({ answer: "deny", message: BROKEN });
  });

  it("stays parked if it is stopped by a shutdown while the rules are asked about the decision", async () => {
    engine.asks = true;
    const verdict = deferred();
    let asked = 0;
    kit.kernel?.hooks.approve.tapPromise("slow", async () => {
      asked += 1;
      await verdict.promise;
      return { verdict: "allow" };
    });
    const id = await decided(await newSessionOf(services));
    await services.resumption.goOn(id);
    const turn = await runningTurn(id);
    await eventually("the rules are asked", () => asked === 1);
    services.closeTurns();
    services.turns.stopAll("shutdown");
    verdict.resolve();
    expect((await turn.ended).outcome.end).to.equal("parked");
  });

  it("keeps which calls it was begun for, so that they can't be approved again", async () => {
    const approved = [{ tool_use_id: "toolu_earlier", ran: true }];
    const id = await decided(await newSessionOf(services), approved);
    await services.resumption.goOn(id);
    (await runningTurn(id)).stop("interrupted");
    await services.turns.get(id)?.ended;
    expect(await ledger.turns.response(id)).to.deep.include({ approved });
  });

  it("is waited for by the session's next prompt, as any turn that runs", async () => {
    const sessionId = await newSessionOf(services);
    const id = await decided(sessionId);
    // Before anything else has taken the decided turn on.
    const next = await promptIn(services, sessionId, "next");
    const turn = await runningTurn(id);
    expect(engine.runs).to.equal(1);
    turn.stop("interrupted");
    await eventually("the next one runs", () => engine.runs === 2);
    next.stop("interrupted");
    await next.ended;
  });

  it("can't have its call approved once more before the CLI has asked for it", async () => {
    const sessionId = await newSessionOf(services);
    const id = await decided(sessionId);
    const [{ tool_use_id: call } = { tool_use_id: "" }] =
      (await ledger.turns.response(id))?.permission_denials ?? [];
    await services.resumption.goOn(id);
    await runningTurn(id);
    const again = services.sessions.approve(CALLER, sessionId, [call], randomUUID());
    expect(await again.catch((error: unknown) => error)).to.include({ code: "CONFLICT" });
    expect(engine.runs).to.equal(1);
  });

  it("goes on by itself if no turn may begin when it is decided, because the ledger was away", async () => {
    const id = await decided(await newSessionOf(services));
    const { checkLedger } = services.turns;
    services.turns.checkLedger = () => {
      throw new GatewayError("UNAVAILABLE", "the ledger does not answer");
    };
    await services.resumption.goOn(id);
    expect(services.turns.get(id)).to.equal(undefined);
    services.turns.checkLedger = checkLedger;
    await eventually("it runs", () => engine.runs === 1);
  });

  it("ends if it is interrupted while the ledger fails", async () => {
    const id = await decided(await newSessionOf(services));
    ledger.approvals.unresolved = () => {
      services.turns.get(id)?.stop("interrupted");
      return Promise.reject(new LedgerError("ledger: away", {}, true));
    };
    await services.resumption.goOn(id);
    await services.turns.get(id)?.ended;
    expect(await ledger.turns.get(id))
      .to.have.property("ended")
      .that.is.an("object");
  });

  it("stays parked while its node may not work, and goes on after that", async () => {
    const id = await decided(await newSessionOf(services));
    await services.resumption.goOn(id);
    const turn = await runningTurn(id);
    turn.stop("fenced");
    expect((await turn.ended).outcome.end).to.equal("parked");
    expect(await ledger.turns.get(id)).to.have.property("ended", undefined);
    await eventually("it goes on again", () => services.turns.get(id));
  });

  it("ends if it is stopped before an earlier turn of its session has", async () => {
    const sessionId = await newSessionOf(services);
    const first = await promptIn(services, sessionId, "first");
    await eventually("the first turn runs", () => engine.runs === 1);
    const id = await decided(sessionId);
    await services.resumption.goOn(id);
    const resumed = services.turns.get(id);
    resumed?.stop("interrupted");
    expect((await resumed?.ended)?.outcome.end).to.equal("interrupted");
    const recorded = await ledger.turns.get(id);
    expect([recorded?.ended?.end, recorded?.usage.costUsd]).to.deep.equal(["interrupted", 0.01]);
    first.stop("interrupted");
    await first.ended;
  });

  it("is interrupted by its owner while it waits for its place", async () => {
    const sessionId = await newSessionOf(services);
    for (let begun = 1; services.queue.queued === 0; begun++) {
      await promptIn(services, await newSessionOf(services), "busy");
      await eventually("it runs or waits", () => engine.runs + services.queue.queued === begun);
    }
    const { runs } = engine;
    const id = await decided(sessionId);
    await services.resumption.goOn(id);
    const resumed = services.turns.get(id);
    expect(await services.sessions.interrupt(CALLER, sessionId)).to.equal(true);
    expect((await resumed?.ended)?.outcome.end).to.equal("interrupted");
    expect(engine.runs).to.equal(runs);
  });

  it("stays parked if the gateway ends before an earlier turn of its session has", async () => {
    const sessionId = await newSessionOf(services);
    await promptIn(services, sessionId, "first");
    await eventually("the first turn runs", () => engine.runs === 1);
    const id = await decided(sessionId);
    await services.resumption.goOn(id);
    const resumed = services.turns.get(id);
    services.closeTurns();
    services.turns.stopAll("shutdown");
    expect((await resumed?.ended)?.outcome.end).to.equal("parked");
    expect(await ledger.turns.get(id)).to.have.property("ended", undefined);
  });
});
