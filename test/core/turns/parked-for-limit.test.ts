import { randomUUID } from "node:crypto";
import type { TurnUsage } from "@claudeway/ports";
import { expect } from "chai";
import type { Services } from "#core/services.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { eventually } from "../../e2e/poll.js";
import { newTurn, parkedForLimit, tokens, usageOf } from "../../ledger/fixture.js";
import { BookOwnership } from "./book-ownership.js";
import { newSessionOf, ServicesKit } from "./services-kit.js";

/** Uses 0.2 USD, and then waits until it is stopped. */
class SpendingEngine extends ScriptedEngine {
  override async run(...[turn, listener, stop]: Parameters<ScriptedEngine["run"]>) {
    listener.usage(usageOf("sonnet", tokens(1, 1), 0.2));
    const waiting = new ScriptedEngine(() => [{ wait: "for good" }]);
    return waiting.run({ ...turn, promptSent: false }, listener, stop);
  }
}

describe("a turn that is parked for a usage limit", () => {
  let kit: ServicesKit;
  let one: BookOwnership;
  let services: Services;
  beforeEach(async () => {
    kit = await ServicesKit.open();
    one = await BookOwnership.join(kit.ledger.nodes, "one");
    services = await kit.start(one, new SpendingEngine(), [], { engine: { max_limit_waits_per_key: 1 } });
  });
  afterEach(() => kit.close());

  /** A turn with a budget of a dollar, whose limit will be lifted in a moment. */
  async function parked(usage: TurnUsage) {
    const { turns } = kit.ledger;
    const turn = newTurn({ id: await newSessionOf(services), keyId: "admin", kind: "session" });
    await turns.begin(turn, { epoch: 0 });
    const kept = parkedForLimit();
    const plan = { ...kept.plan, timeoutMs: 600_000, maxBudgetUsd: 1 };
    const at = new Date().toISOString();
    const response = { ...kept.response, code: "USAGE_LIMIT" as const, resets_at: at };
    await turns.park(turn.id, { at, usage, model: "sonnet", parked: { ...kept, plan, response } });
    await services.resumption.goOn(turn.id);
    return turn;
  }

  it("gives its place back at a node that its session has left", async () => {
    const { sessionId } = await parked(usageOf("sonnet", tokens(1, 1), 0.1));
    const other = { id: randomUUID(), keyId: "admin" };
    expect(services.limitWaits.reserve(other)).to.equal(false);
    const claim = one.held(sessionId);
    if (claim === undefined) throw new Error("the node does not have the session");
    await one.release(claim);
    const two = await BookOwnership.join(kit.ledger.nodes, "two");
    expect((await two.claim(sessionId)).at).to.equal("here");
    await eventually("its place is free", () => services.limitWaits.reserve(other));
  });

  it("goes on with what is left of its budget, also if a part of what it has used has no price", async () => {
    const priced = usageOf("sonnet", tokens(1, 1), 0.9);
    const byModel = { ...priced.byModel, other: { tokens: tokens(1, 1), costUsd: null } };
    const { id } = await parked({ ...priced, tokens: tokens(2, 2), costUsd: null, byModel });
    await eventually("it has ended", async () => (await kit.ledger.turns.get(id))?.ended);
    expect(await kit.ledger.turns.response(id)).to.include({ code: "BUDGET_EXCEEDED" });
  });
});
