import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import type { Services } from "#core/services.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
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
  beforeEach(async () => {
    kit = await ServicesKit.open();
    engine = new NotingEngine();
    services = await kit.start(ONE_NODE, engine, [], { engine: { on_limit: "wait" } });
  });
  afterEach(() => kit.close());

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
