import {
  type BudgetWarning,
  definePlugin,
  type LedgerView,
  type Quota,
  type QuotaClaim,
  Refusal,
} from "@claudeway/core";
import { createTestGateway, type ScriptedTurn, type Step, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { rejection } from "../kernel/kit.js";

const BUDGET: QuotaClaim = {
  name: "budget",
  subject: "all",
  window: "all",
  measure: "cost",
  limit: 1,
  amount: 0.25,
};
const PLACES: QuotaClaim = { ...BUDGET, measure: "held", limit: 3, amount: 1 };
/** What each message of the model costs. */
const MESSAGE_USD = 0.1;

/** Says five words, each of which costs as much. */
function* fiveMessages({ prompt }: ScriptedTurn): Generator<Step> {
  for (let n = 1; n <= 5; n++) {
    yield { usage: { costUsd: MESSAGE_USD * n } };
    yield "word ";
    yield { wait: 1 };
  }
  if (prompt === "call") yield { tool: "Write" };
}

describe("quotas of plugins", () => {
  let gateway: TestGateway;
  let quota: Quota;
  let ledger: LedgerView;
  let claims: readonly QuotaClaim[] = [];
  let warnings: BudgetWarning[] = [];
  const limiter = definePlugin<object, "quota">({
    name: "limiter",
    apiVersion: 1,
    needs: ["quota"],
    configSchema: { type: "object" },
    apply(kernel) {
      ({ quota, ledger } = kernel);
      kernel.hooks.budgetWarning.tap("keep", (warning) => void warnings.push(warning));
      kernel.hooks.beforeExecute.tapPromise("reserve", async (_plan, turn) => {
        const result = await quota.reserve(turn.id, claims);
        if (!result.ok) throw new Refusal(429, "no room");
      });
    },
  });
  const refuser = definePlugin<object>({
    name: "refuser",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply: ({ hooks }) =>
      hooks.beforeExecute.tap("refuse", ({ prompt }) => {
        if (prompt === "refuse") throw new Refusal(403, "not this");
        return undefined;
      }),
  });

  beforeEach(async () => {
    claims = [BUDGET];
    warnings = [];
    gateway = await createTestGateway({ plugins: [limiter, refuser], replies: fiveMessages });
  });
  afterEach(() => gateway.close());

  const stateOf = async (claim: QuotaClaim) => {
    const [state] = await quota.read([claim]);
    return { used: state?.used ?? Number.NaN, reserved: state?.reserved };
  };

  it("bounds what parallel turns cost, and counts what the ledger records", async () => {
    const answers = await Promise.allSettled(Array.from({ length: 50 }, () => gateway.turn("hello")));
    const ran = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    expect(ran.map(({ code }) => code)).to.include("BUDGET_EXCEEDED");
    const { used, reserved } = await stateOf(BUDGET);
    expect(used).to.be.within(0.9, 1 + ran.length * MESSAGE_USD);
    expect(reserved).to.equal(0);
    expect((await ledger.overview()).costUsd).to.be.closeTo(used, 1e-9);
    expect(await rejection(gateway.turn("hello"))).to.include({ status: 429 });
  });

  it("extends a turn's reservation while there is room", async () => {
    expect(await gateway.turn("hello")).to.include({ success: true, cost_usd: 0.5 });
    expect(await stateOf(BUDGET)).to.deep.equal({ used: 0.5, reserved: 0 });
  });

  it("returns what a turn held, however it ends", async () => {
    claims = [PLACES];
    await rejection(gateway.turn("refuse"));
    for await (const { event } of gateway.stream("hello")) if (event === "text") break;
    for (const prompt of ["refuse", "hello"]) await gateway.turn(prompt).catch(() => undefined);
    await gateway.turn("hello", { timeout_secs: 1 });
    expect(await stateOf(PLACES)).to.deep.equal({ used: 0, reserved: 0 });
  });

  it("charges a turn that parks for what it cost, and reserves nothing for it", async () => {
    claims = [BUDGET, PLACES];
    const asking = definePlugin<object>({
      name: "asking",
      apiVersion: 1,
      configSchema: { type: "object" },
      apply: ({ hooks }) => hooks.approve.tap("ask", () => ({ verdict: "ask", liveWaitSecs: 0 })),
    });
    await gateway.enable(asking);
    const { pending_approval: pending } = await gateway.turn("call");
    expect(await stateOf(BUDGET)).to.deep.equal({ used: 0.5, reserved: 0 });
    expect(await stateOf(PLACES)).to.deep.equal({ used: 0, reserved: 0 });
    await gateway.approvals.decide(pending?.id ?? "", "allow");
    await expectEventually(async () => (await ledger.overview()).requests === 1);
    expect(await stateOf(BUDGET)).to.deep.equal({ used: 0.5, reserved: 0 });
    await gateway.disable("asking");
  });

  it("tells every plugin of a warning", () => {
    const warning = {
      budget: "b",
      subject: "all",
      window: "day",
      limitUsd: 1,
      spentUsd: 0.8,
      share: 0.8,
      resetsAt: undefined,
    } as const;
    quota.warn(warning);
    expect(warnings).to.deep.equal([warning]);
  });

  it("refuses invalid counters and amounts", async () => {
    const calls: readonly (readonly [() => Promise<unknown>, string])[] = [
      [() => quota.count([BUDGET]), 'measure must be "count", got "cost"'],
      [() => quota.reserve("t", []), "the number of counters must be from 1 to 64, got 0"],
      [
        () => quota.reserve("t", [{ ...BUDGET, amount: -1 }]),
        "amount must be a number from 0 to 1000000, got -1",
      ],
      [() => quota.reserve("t", [{ ...PLACES, limit: 0.5 }]), "limit must be an integer from 0 to"],
      [() => quota.reserve("t", [{ ...BUDGET, name: "" }]), "name must have 1 to 256 bytes, got 0"],
    ];
    for (const [call, message] of calls)
      expect(await rejection(call()))
        .to.have.property("message")
        .that.contains(message);
    expect(await quota.reserve("no such turn", [BUDGET])).to.deep.equal({ ok: false, reason: "ended" });
  });
});

async function expectEventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
