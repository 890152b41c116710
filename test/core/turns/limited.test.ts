import { CommitInDoubt, type EngineListener, type EngineResult, LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import { ONE_NODE } from "#core/one-node.js";
import type { Services } from "#core/services.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../../e2e/poll.js";
import { tokens, usageOf } from "../../ledger/fixture.js";
import { CALLER, newSessionOf, PROMPT, promptIn, ServicesKit } from "./services-kit.js";

const USAGE = usageOf("sonnet", tokens(100, 20), 0.02);
const TOTALS = { sonnet: { input: 100, output: 20, cacheRead: 0, cacheWrite: 0, costUsd: 0.02 } };
const LIMIT = { code: "USAGE_LIMIT", resetsAt: new Date(Date.now() + 3_600_000).toISOString() } as const;
const LIMITED: EngineResult = {
  end: "failed",
  deferred: undefined,
  text: "one",
  error: "the limit is reached",
  failure: LIMIT,
  usage: USAGE,
  denials: [],
  ran: [],
  exitCode: 0,
  model: "sonnet",
};

/** Its first run reaches a limit; another one does what the test says. */
class LimitedEngine extends ScriptedEngine {
  readonly accounts: (string | undefined)[] = [];

  constructor(
    private readonly next: () => Promise<EngineResult>,
    private readonly first = limited,
  ) {
    super();
  }

  override async run(...[{ spawn }, listener]: Parameters<ScriptedEngine["run"]>): Promise<EngineResult> {
    this.accounts.push(spawn.account);
    return this.accounts.length === 1 ? this.first(listener) : this.next();
  }
}

async function limited(listener: EngineListener): Promise<EngineResult> {
  listener.usage({ ...USAGE, estimated: true });
  listener.totals({ answered: true, bases: [TOTALS] });
  return LIMITED;
}

describe("a turn whose account reaches a limit", () => {
  let kit: ServicesKit;
  beforeEach(async () => {
    kit = await ServicesKit.open();
  });
  afterEach(() => kit.close());

  /** The turn's outcome; the ledger has exactly the cost of the run that reached the limit. */
  async function outcomeOf(services: Services, more: { readonly on_limit?: "wait" } = {}) {
    const id = await newSessionOf(services);
    const turn = await promptIn(services, id, "hello", more);
    const { outcome } = await turn.ended;
    expect((await kit.ledger.turns.get(turn.info.id))?.usage).to.deep.equal(USAGE);
    const session = await kit.ledger.sessions.get(id);
    expect(session?.totals).to.deep.include({ tokens: USAGE.tokens, costUsd: 0.02 });
    expect(session?.cliTotals?.bases).to.deep.equal([TOTALS]);
    return outcome;
  }

  it("costs what it has used if the run with the next account cannot begin", async () => {
    const engine = new LimitedEngine(() => Promise.reject(new Error("the conversation can't be read")));
    const { end, response } = await outcomeOf(await kit.start(ONE_NODE, engine, ["first", "second"]));
    expect(engine.accounts).to.deep.equal(["first", "second"]);
    expect(end).to.equal("failed");
    expect(response).to.include({ code: "USAGE_LIMIT", cost_usd: 0.02, result: "one" });
  });

  it("costs what it has used, and counts as run, if it is unknown whether it was recorded as parked", async () => {
    const engine = new LimitedEngine(() => Promise.reject(new Error("there is no other run")));
    const services = await kit.start(ONE_NODE, engine);
    const { turns } = kit.ledger;
    const { park } = turns;
    turns.park = async (turnId, parking) => {
      await park(turnId, parking);
      throw new CommitInDoubt("ledger: the connection was lost");
    };
    expect((await outcomeOf(services, { on_limit: "wait" })).end).to.equal("failed");
  });

  it("parks with what it has used if the ledger was away for a moment", async () => {
    const engine = new LimitedEngine(() => Promise.reject(new Error("there is no other run")));
    const services = await kit.start(ONE_NODE, engine);
    const { prices } = kit.ledger;
    const price = prices.price;
    let failures = 2;
    prices.price = (...args) =>
      failures-- > 0 ? Promise.reject(new LedgerError("ledger: away", {}, true)) : price(...args);
    const { end, response } = await outcomeOf(services, { on_limit: "wait" });
    expect(end).to.equal("parked");
    expect(response).to.include({ code: "USAGE_LIMIT", cost_usd: 0.02 });
  });

  it("goes on when the limit is lifted, though it was to be withdrawn and the ledger failed", async () => {
    const resetsAt = new Date(Date.now() + 2000).toISOString();
    const soon = async (): Promise<EngineResult> => ({ ...LIMITED, failure: { ...LIMIT, resetsAt } });
    const engine = new LimitedEngine(() => Promise.reject(new Error("it goes on")), soon);
    const services = await kit.start(ONE_NODE, engine);
    const id = await newSessionOf(services);
    const { outcome } = await (await promptIn(services, id, "hello", { on_limit: "wait" })).ended;
    expect(outcome.end).to.equal("parked");
    const { end } = kit.ledger.turns;
    kit.ledger.turns.end = () => Promise.reject(new LedgerError("ledger: the disk is full"));
    const request = { ...PROMPT, restart_conversation: false, withdraw_pending: true };
    const turn = await services.sessions.prompt(CALLER, id, request, crypto.randomUUID());
    expect((await turn.ended).error).to.include({ code: "INTERNAL_ERROR" });
    kit.ledger.turns.end = end;
    await eventually("it has gone on", () => engine.accounts.length === 2);
  });
});
