import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { deferred } from "../../kernel/kit.js";
import { newSessionOf, promptIn, ServicesKit } from "./services-kit.js";

const AGENT = "agent-1";

/** Its turns end while a subagent, which goes on in the background, asks for a call. */
class AskingEngine extends ScriptedEngine {
  /** Aborted when the subagent is gone. */
  readonly gone = new AbortController();

  override async run(...[turn, listener, stop]: Parameters<ScriptedEngine["run"]>) {
    const call = { tool: "Write", input: { file_path: "a" }, cwd: turn.plan.workdir, agentId: AGENT };
    const untilLast = () => Promise.resolve(false);
    const { signal } = this.gone;
    void turn.decider?.decide({ ...call, toolUseId: "toolu_1", signal, untilLast });
    return { ...(await super.run(turn, listener, stop)), agents: [AGENT] };
  }
}

describe("a call of a subagent that goes on after its turn", () => {
  let kit: ServicesKit;
  let engine: AskingEngine;
  beforeEach(async () => {
    engine = new AskingEngine();
    kit = await ServicesKit.open();
    kit.approvalMode = "ask";
  });
  afterEach(async () => {
    engine.gone.abort();
    await kit.close();
  });

  it("stays pending also if the turn ends just as a person is asked", async () => {
    const services = await kit.start(ONE_NODE, engine);
    kit.kernel?.hooks.approve.tap("ask", () => ({ verdict: "ask" }));
    const { ask } = kit.ledger.approvals;
    const ended = deferred();
    const asked = deferred();
    kit.ledger.approvals.ask = async (approval) => {
      await ask(approval);
      asked.resolve();
      await ended.promise;
    };
    const { pending } = kit.ledger.approvals;
    kit.ledger.approvals.pending = async (...args) => {
      await asked.promise;
      return pending(...args);
    };
    const sessionId = await newSessionOf(services);
    const turn = await promptIn(services, sessionId, "hello");
    await turn.ended;
    ended.resolve();
    const { approvals } = await kit.ledger.approvals.list({ sessionId, page: 1, limit: 10 });
    expect(approvals.map(({ status }) => status)).to.deep.equal(["pending"]);
  });
});
