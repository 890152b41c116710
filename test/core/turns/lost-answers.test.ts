import { join } from "node:path";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import type { Services } from "#core/services.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { readTurnLines } from "../../e2e/audit-lines.js";
import { eventually } from "../../e2e/poll.js";
import { newApproval, newTurn, parkedFor, tokens, usageOf } from "../../ledger/fixture.js";
import { CALLER, newSessionOf, promptIn, ServicesKit } from "./services-kit.js";

const away = () => new LedgerError("ledger: away", {}, true);

describe("a turn whose write took place, though the ledger's answer was lost", () => {
  let kit: ServicesKit;
  let services: Services;
  beforeEach(async () => {
    kit = await ServicesKit.open();
    services = await kit.start(ONE_NODE, new ScriptedEngine(() => [{ wait: "for good" }]));
  });
  afterEach(() => kit.close());

  /** The answer to the next end is lost. */
  function loseEnd(): void {
    const { turns } = kit.ledger;
    const { end } = turns;
    turns.end = async (...ending) => {
      turns.end = end;
      await end(...ending);
      throw away();
    };
  }

  /** Which turns have an audit line of their end. */
  async function audited(): Promise<unknown[]> {
    await kit.audit.flush();
    const lines = readTurnLines(join(kit.dir, "logs"), "admin");
    return lines.filter(({ approval_id }) => approval_id === undefined).map(({ turn_id }) => turn_id);
  }

  it("ends as it did, with its audit line", async () => {
    loseEnd();
    const turn = await promptIn(services, await newSessionOf(services), "hello");
    await eventually("it runs", () => turn.running);
    turn.stop("timeout");
    const { outcome, error } = await turn.ended;
    expect([outcome.end, error?.code]).to.deep.equal(["timeout", "TIMEOUT"]);
    expect(await kit.ledger.turns.response(turn.info.id)).to.deep.equal(
      JSON.parse(JSON.stringify(outcome.response)),
    );
    expect(await audited()).to.deep.equal([turn.info.id]);
  });

  it("ends as it did also if it was parked, and is withdrawn", async () => {
    const { ledger } = kit;
    const id = await newSessionOf(services);
    const turn = newTurn({ id, keyId: "admin", kind: "session" });
    await ledger.turns.begin(turn, { epoch: 0 });
    const approval = newApproval(turn, { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    await ledger.approvals.ask(approval);
    const usage = usageOf("sonnet", tokens(1, 1), 0.01);
    await ledger.turns.park(turn.id, {
      at: new Date().toISOString(),
      usage,
      model: "sonnet",
      parked: parkedFor(approval),
    });
    loseEnd();
    expect(await services.sessions.interrupt(CALLER, id)).to.equal(true);
    expect((await ledger.turns.get(turn.id))?.ended?.end).to.equal("interrupted");
    expect(await audited()).to.deep.equal([turn.id]);
  });

  it("does not stay open if it was its beginning", async () => {
    const { turns } = kit.ledger;
    const { begin, end } = turns;
    turns.begin = async (...beginning) => {
      turns.begin = begin;
      await begin(...beginning);
      throw away();
    };
    turns.end = () => {
      turns.end = end;
      return Promise.reject(away());
    };
    const turn = await promptIn(services, await newSessionOf(services), "hello");
    expect((await turn.ended).error).to.include({ code: "UNAVAILABLE" });
    const ended = await eventually("its end", async () => (await turns.get(turn.info.id))?.ended);
    expect(ended.end).to.equal("refused");
  });
});
