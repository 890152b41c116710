import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import type { Services } from "#core/services.js";
import type { Steps } from "#testing/script.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../../e2e/poll.js";
import { newApproval, newTurn, outcome, tokens, usageOf } from "../../ledger/fixture.js";
import { CALLER, newSessionOf, ServicesKit } from "./services-kit.js";

/** Notes the plans of what it runs. */
class NotingEngine extends ScriptedEngine {
  readonly plans: Parameters<ScriptedEngine["run"]>[0]["plan"][] = [];

  override run(...[turn, ...more]: Parameters<ScriptedEngine["run"]>) {
    this.plans.push(turn.plan);
    return super.run(turn, ...more);
  }
}

describe("approving calls of a session whose turn has ended", () => {
  let kit: ServicesKit;
  let engine: NotingEngine;
  let services: Services;
  let steps: Steps;
  beforeEach(async () => {
    kit = await ServicesKit.open();
    steps = ["done"];
    engine = new NotingEngine(() => steps);
    services = await kit.start(ONE_NODE, engine, [], { engine: { on_limit: "wait" } });
  });
  afterEach(() => kit.close());

  const WRITE = { tool: "Write", input: {} };
  const LIMIT = {
    error: "the limit is reached",
    failure: { code: "USAGE_LIMIT", resetsAt: new Date().toISOString() },
  } as const;
  const USAGE = usageOf("sonnet", tokens(1, 1), 0.01);

  async function endedTurn(denied: readonly string[]) {
    const sessionId = await newSessionOf(services);
    const turn = newTurn({ id: sessionId, keyId: "admin", kind: "session" });
    await kit.ledger.turns.begin(turn, { epoch: 0 });
    const ended = outcome(turn, USAGE);
    const denials = denied.map((id) => ({ tool_name: "Write", tool_use_id: id, tool_input: {} }));
    const response = { ...ended.response, permission_denials: denials };
    await kit.ledger.turns.end(turn.id, { ...ended, response }, { at: new Date().toISOString() });
    return turn;
  }

  it("runs denied ones in a turn that waits for a usage limit, as the configuration says", async () => {
    const { sessionId } = await endedTurn(["toolu_1"]);
    const turn = await services.sessions.approve(CALLER, sessionId, ["toolu_1"], crypto.randomUUID());
    await turn.ended;
    expect(engine.plans).to.have.length(1);
    expect(engine.plans[0]?.limitWait).to.be.an("object");
  });

  const approve = (sessionId: string, ...ids: string[]) =>
    services.sessions.approve(CALLER, sessionId, ids, crypto.randomUUID());
  /** The answer of the turn, once it has ended. */
  const answerOf = async (id: string) => {
    await eventually("it has ended", async () => (await kit.ledger.turns.get(id))?.ended);
    return kit.ledger.turns.response(id);
  };

  it("lets each run once, also if their turn waits for a usage limit meanwhile", async () => {
    kit.approvalMode = "deny";
    steps = [WRITE, LIMIT, WRITE, { ...WRITE, id: "toolu_third" }];
    const { sessionId } = await endedTurn(["toolu_1", "toolu_2"]);
    const turn = await approve(sessionId, "toolu_1", "toolu_2");
    expect((await turn.ended).outcome.end).to.equal("parked");
    const answer = await answerOf(turn.info.id);
    expect(answer?.approved).to.deep.equal([
      { tool_use_id: "toolu_1", ran: true },
      { tool_use_id: "toolu_2", ran: true },
    ]);
    expect(answer?.permission_denials?.map((denial) => denial.tool_use_id)).to.deep.equal(["toolu_third"]);
  });

  it("lets them run also if their turn waits for a decision on another call first", async () => {
    kit.approvalMode = "ask";
    kit.kernel?.hooks.approve.tap("rules", () => ({ verdict: "ask", liveWaitSecs: 0 }));
    steps = [{ tool: "Bash", input: {}, id: "toolu_other" }, WRITE];
    const { sessionId } = await endedTurn(["toolu_1"]);
    const turn = await approve(sessionId, "toolu_1");
    expect((await turn.ended).outcome.end).to.equal("parked");
    const resumed = await approve(sessionId, "toolu_other");
    expect((await resumed.ended).outcome.end).to.equal("completed");
    expect((await answerOf(turn.info.id))?.approved).to.deep.equal([{ tool_use_id: "toolu_1", ran: true }]);
  });

  it("is refused for those of a turn that goes on after a usage limit", async () => {
    kit.approvalMode = "deny";
    steps = [WRITE, LIMIT, { wait: "for good" }];
    const { sessionId } = await endedTurn(["toolu_1", "toolu_2"]);
    const { info, ended } = await approve(sessionId, "toolu_1", "toolu_2");
    await ended;
    const isRunning = async () => (await kit.ledger.turns.get(info.id))?.parked === undefined;
    await eventually("it goes on", isRunning);
    for (const id of ["toolu_1", "toolu_2"]) {
      const again: unknown = await approve(sessionId, id).catch((error: unknown) => error);
      expect(again).to.include({ code: "CONFLICT" });
    }
  });

  it("is refused for one of background work, before it is decided, with the id to decide it by", async () => {
    const turn = await endedTurn([]);
    const approval = newApproval(turn, { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    await kit.ledger.approvals.ask(approval);
    const { sessionId } = turn;
    const refused: unknown = await services.sessions
      .approve(CALLER, sessionId, [approval.toolUseId], crypto.randomUUID())
      .catch((error: unknown) => error);
    expect(refused).to.include({ code: "CONFLICT" });
    expect(refused).to.have.nested.property("options.details.approval_id", approval.id);
    expect((await kit.ledger.approvals.get(approval.id))?.status).to.equal("pending");
  });
});
