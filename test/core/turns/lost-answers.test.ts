import { join } from "node:path";
import { LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import type { Services } from "#core/services.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { readAudit } from "../../e2e/audit-lines.js";
import { eventually } from "../../e2e/poll.js";
import { newSessionOf, promptIn, ServicesKit } from "./services-kit.js";

const away = () => new LedgerError("ledger: away", {}, true);

describe("a turn whose write took place, though the ledger's answer was lost", () => {
  let kit: ServicesKit;
  let services: Services;
  beforeEach(async () => {
    kit = await ServicesKit.open();
    services = await kit.start(ONE_NODE, new ScriptedEngine(() => [{ wait: "for good" }]));
  });
  afterEach(() => kit.close());

  it("ends as it did, with its audit line", async () => {
    const { turns } = kit.ledger;
    const { end } = turns;
    turns.end = async (...ending) => {
      turns.end = end;
      await end(...ending);
      throw away();
    };
    const turn = await promptIn(services, await newSessionOf(services), "hello");
    await eventually("it runs", () => turn.running);
    turn.stop("timeout");
    const { outcome, error } = await turn.ended;
    expect([outcome.end, error?.code]).to.deep.equal(["timeout", "TIMEOUT"]);
    expect(await kit.ledger.turns.response(turn.info.id)).to.deep.equal(
      JSON.parse(JSON.stringify(outcome.response)),
    );
    await kit.audit.flush();
    const lines = readAudit(join(kit.dir, "logs"), "admin");
    expect(lines.map(({ turn_id }) => turn_id)).to.deep.equal([turn.info.id]);
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
