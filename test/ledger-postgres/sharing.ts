import type { Ledger, NewSession, TurnUsage } from "@claudeway/ports";
import { expect } from "chai";
import { newTurn, outcome, tokens } from "../ledger/fixture.js";

const COSTS = { sonnet: 0.001234567, haiku: 0.000000003 };

/** What one turn costs, in nanodollars. */
export const TURN_NANO = 1_234_570;

/** A turn with two models, of which the first is the main one. */
export function usageOfBoth(main: "sonnet" | "haiku"): TurnUsage {
  const models = main === "sonnet" ? (["sonnet", "haiku"] as const) : (["haiku", "sonnet"] as const);
  return {
    tokens: tokens(20, 40),
    costUsd: TURN_NANO / 1e9,
    estimated: false,
    byModel: Object.fromEntries(
      models.map((model) => [model, { tokens: tokens(10, 20), costUsd: COSTS[model] }]),
    ),
  };
}

/** Writes turns of a session, as a gateway does: it does not wait for what is noted while a turn runs. */
export async function writeTurns(ledger: Ledger, session: NewSession, turns: number): Promise<void> {
  for (let number = 0; number < turns; number++) {
    const usage = usageOfBoth(number % 2 === 0 ? "sonnet" : "haiku");
    const turn = newTurn(session, { model: number % 2 === 0 ? "sonnet" : "haiku" });
    await ledger.turns.begin(turn, { epoch: 0 });
    const noted = ledger.turns.recordUsage(turn.id, usage, { pid: 1, startTime: 2, marker: "m" });
    const isFirst = await ledger.turns.end(turn.id, outcome(turn, usage, { model: turn.model }), {
      at: turn.createdAt,
    });
    expect(isFirst).to.equal(true);
    await noted;
  }
}

/** Checks that all sums are those of so many turns of one key, as written by `writeTurns`. */
export async function checkSums(
  ledger: Ledger,
  sessions: readonly NewSession[],
  turns: number,
): Promise<void> {
  const costUsd = (turns * TURN_NANO) / 1e9;
  const overview = await ledger.totals.overview();
  expect({ requests: overview.requests, costUsd: overview.costUsd }).to.deep.equal({
    requests: turns,
    costUsd,
  });
  expect(overview.byModel.map(({ turns: of }) => of)).to.deep.equal([turns, turns]);
  const [day] = await ledger.totals.costs("daily");
  expect(day?.costUsd).to.equal(costUsd);
  let begun = 0;
  let nano = 0;
  for (const { id } of sessions) {
    const session = await ledger.sessions.get(id);
    begun += session?.taskCount ?? 0;
    nano += Math.round((session?.totals.costUsd ?? 0) * 1e9);
  }
  expect({ begun, nano }).to.deep.equal({ begun: turns, nano: turns * TURN_NANO });
  expect(await ledger.turns.running()).to.deep.equal([]);
}
