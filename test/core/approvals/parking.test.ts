import { randomUUID } from "node:crypto";
import type { Approval, ParkedTurn, TurnUsage } from "@claudeway/ports";
import { expect } from "chai";
import { addUsage } from "#core/turns/usage.js";
import { TurnStream } from "#events/turn-stream.js";
import { type OpenedTables, openTables } from "#ledger-sqlite/sqlite-ledger.js";
import { TurnQueue } from "#scheduling/queue.js";
import { TurnSlot } from "#scheduling/turn-slot.js";
import { pause } from "../../kernel/kit.js";
import {
  newFolder,
  newSession,
  newTurn,
  outcome,
  removeFolders,
  tokens,
  usageOf,
} from "../../ledger/fixture.js";
import { recount } from "../../ledger-sqlite/recount.js";

const DAY_ONE = "2026-03-12T23:00:00.000Z";
const DAY_TWO = "2026-03-13T09:00:00.000Z";

describe("the cost of a parked turn", () => {
  let tables: OpenedTables["tables"];
  let database: OpenedTables["database"];
  let close: () => void;
  beforeEach(async () => {
    ({ tables, database, close } = await openTables({ dataDir: newFolder() }));
  });
  afterEach(() => close());
  after(removeFolders);

  function parkedTurn(usage: TurnUsage, at = DAY_ONE) {
    const session = newSession();
    database.perform(tables.sessions.create(session));
    const turn = newTurn(session);
    database.perform(tables.turns.begin(turn, { epoch: 0 }));
    const approval = approvalOf(turn);
    database.perform(tables.approvals.ask(approval));
    const parked = parkedOf(approval, turn.sessionId);
    database.perform(tables.turns.park(turn.id, { at, parked, usage, model: "sonnet" }));
    return { session, turn, approval, parked };
  }

  it("is recorded when it parks; the rest and the request count when it ends", () => {
    const first = usageOf("sonnet", tokens(10, 20, 30, 40), 0.5);
    const second = usageOf("haiku", tokens(1, 2, 3, 4), 0.25);
    const { session, turn } = parkedTurn(first);
    expect(database.perform(tables.totals.overview())).to.deep.include({
      requests: 0,
      costUsd: 0.5,
      tokens: tokens(10, 20, 30, 40),
    });
    expect(database.perform(tables.sessions.get(session.id))?.totals.costUsd).to.equal(0.5);
    expect(database.perform(tables.turns.get(turn.id))?.usage).to.deep.equal(first);
    expect(database.perform(tables.turns.running())).to.deep.equal([]);
    expect(database.perform(tables.turns.parked(session.id)).map(({ id }) => id)).to.deep.equal([turn.id]);

    database.perform(tables.turns.unpark(turn.id));
    database.perform(tables.turns.recordUsage(turn.id, second));
    const whole = addUsage(first, second);
    expect(database.perform(tables.turns.get(turn.id))?.usage).to.deep.equal(whole);
    database.perform(tables.turns.end(turn.id, outcome(turn, whole), { at: DAY_TWO, sinceParked: second }));
    expect(database.perform(tables.turns.get(turn.id))?.usage).to.deep.equal(whole);
    expect(database.perform(tables.totals.overview())).to.deep.include({
      requests: 1,
      costUsd: 0.75,
      tokens: tokens(11, 22, 33, 44),
    });
    const days = database
      .perform(tables.totals.costs("daily"))
      .map(({ period, requests, costUsd }) => [period, requests, costUsd]);
    expect(days).to.deep.equal([
      ["2026-03-12", 0, 0.5],
      ["2026-03-13", 1, 0.25],
    ]);
  });

  it("adds up to the turns' costs, however often it parks", () => {
    const parts = [1, 2, 3].map((n) => usageOf(n === 2 ? "haiku" : "sonnet", tokens(n, n, n, n), n / 7));
    const session = newSession();
    database.perform(tables.sessions.create(session));
    const turn = newTurn(session);
    database.perform(tables.turns.begin(turn, { epoch: 0 }));
    for (const usage of parts.slice(0, 2)) {
      const approval = approvalOf(turn);
      database.perform(tables.approvals.ask(approval));
      database.perform(
        tables.turns.park(turn.id, {
          at: DAY_ONE,
          parked: parkedOf(approval, session.id),
          usage,
          model: "sonnet",
        }),
      );
      database.perform(tables.turns.unpark(turn.id));
    }
    const last = usageOf("sonnet", tokens(3, 3, 3, 3), 3 / 7);
    const whole = parts.slice(0, 2).reduce(addUsage, usageOf("sonnet", tokens(), 0));
    database.perform(
      tables.turns.end(turn.id, outcome(turn, addUsage(whole, last)), { at: DAY_ONE, sinceParked: last }),
    );
    for (const { what, kept, found } of recount(database)) expect(kept, what).to.deep.equal(found);
    expect(database.perform(tables.totals.overview()).requests).to.equal(1);
  });

  it("stays exact if the part after the decision has no price", () => {
    const first = usageOf("sonnet", tokens(10, 20), 0.5);
    const { turn } = parkedTurn(first);
    const second = usageOf("unknown", tokens(1, 1), null, true);
    database.perform(
      tables.turns.end(turn.id, outcome(turn, addUsage(first, second)), { at: DAY_ONE, sinceParked: second }),
    );
    expect(database.perform(tables.totals.overview())).to.deep.include({
      costUsd: 0.5,
      unpriced: 1,
      estimated: 1,
      requests: 1,
    });
    for (const { what, kept, found } of recount(database)) expect(kept, what).to.deep.equal(found);
  });

  it("is recorded in both parts for a turn that was lost with its gateway", () => {
    const { turn, approval } = parkedTurn(usageOf("sonnet", tokens(10, 20), 0.5));
    expect(database.perform(tables.approvals.get(approval.id))).to.include({ parked: true });
    expect(database.perform(tables.approvals.unresolved(turn.sessionId))).to.have.length(1);
    database.perform(tables.turns.unpark(turn.id));
    database.perform(tables.turns.recordUsage(turn.id, usageOf("sonnet", tokens(1, 1), null, true)));
    const lost = database.perform(
      tables.turns.markLost(turn.id, {
        at: DAY_ONE,
        respond: ({ sessionId, usage }) => ({
          session_id: sessionId,
          result: "",
          success: false,
          duration_ms: 0,
          tokens: usage.tokens,
          cost_usd: usage.costUsd,
          error: "lost",
        }),
      }),
    );
    expect(lost?.usage.tokens).to.deep.equal(tokens(11, 21));
    expect(
      database.perform(tables.approvals.unresolved(turn.sessionId)),
      "the CLI may not have heard",
    ).to.have.length(1);
    expect(database.perform(tables.totals.overview()).tokens).to.deep.equal(tokens(11, 21));
    for (const { what, kept, found } of recount(database)) expect(kept, what).to.deep.equal(found);
  });
});

describe("a stream that continues", () => {
  it("keeps its text and its ids", async () => {
    const stream = new TurnStream({ text: "before ", lastId: 7 });
    stream.push({ type: "text", delta: "after" });
    stream.push({ type: "queued", position: 1 });
    const frames = async (after: number, mode: "text" | "delta", count: number) => {
      const found = [];
      const reader = stream.read({ mode, after, heartbeatMs: 50 });
      for (let n = 0; n < count; n++) found.push((await reader.next()).value);
      await reader.return();
      return found;
    };
    expect(await frames(0, "text", 2)).to.deep.equal([
      { id: 8, event: "text", data: "before after" },
      { id: 9, event: "queued", data: { position: 1 } },
    ]);
    expect(await frames(7, "delta", 2)).to.deep.equal([
      { id: 8, event: "text", data: "after" },
      { id: 9, event: "queued", data: { position: 1 } },
    ]);
    expect(await frames(8, "delta", 1)).to.deep.equal([{ id: 9, event: "queued", data: { position: 1 } }]);
    expect(await frames(9, "delta", 1)).to.deep.equal([null]);
    expect(stream.lastId).to.equal(9);
  });
});

describe("a turn's place and time", () => {
  const { signal } = new AbortController();
  const moved = () => undefined;
  function slot(queue: TurnQueue, timeoutMs: number, onTimeout: () => void = () => undefined) {
    return new TurnSlot({ queue, keyId: "ci", timeoutMs, onTimeout, moved, signal });
  }

  it("are released while a person is asked", async () => {
    const queue = new TurnQueue({ maxRunning: 1, maxQueued: 0 });
    let timedOut = false;
    const one = slot(queue, 120, () => {
      timedOut = true;
    });
    await one.begin(false);
    one.suspend();
    one.suspend();
    expect(queue.running).to.equal(0);
    const other = slot(queue, 60_000);
    await other.begin(false);
    await pause(200);
    await one.resume();
    expect(timedOut).to.equal(false);
    const released = one.resume();
    await pause(30);
    expect([queue.running, queue.queued], "the queue is full and closed to all others").to.deep.equal([1, 1]);
    queue.close();
    other.end();
    await released;
    expect(queue.running).to.equal(1);
    expect(one.queuedMs).to.be.greaterThan(20);
    expect(one.ranMs).to.be.lessThan(100);
    await pause(200);
    expect(timedOut).to.equal(true);
    one.end();
    expect(queue.running).to.equal(0);
  });

  it("are re-acquired once, even if another call is settled while waiting for the place", async () => {
    const queue = new TurnQueue({ maxRunning: 2, maxQueued: 0 });
    const one = slot(queue, 60_000);
    await one.begin(false);
    one.suspend();
    const others = [slot(queue, 60_000), slot(queue, 60_000)];
    for (const other of others) await other.begin(false);
    const released = [one.resume()];
    one.suspend();
    released.push(one.resume());
    for (const other of others) other.end();
    await Promise.all(released);
    expect([queue.running, queue.queued]).to.deep.equal([1, 0]);
    one.end();
    expect([queue.running, queue.queued]).to.deep.equal([0, 0]);
  });

  it("are re-acquired once, even if a call parks while waiting for the place", async () => {
    const queue = new TurnQueue({ maxRunning: 1, maxQueued: 0 });
    let timeouts = 0;
    const one = slot(queue, 100, () => {
      timeouts += 1;
    });
    await one.begin(false);
    one.suspend();
    const other = slot(queue, 60_000);
    await other.begin(false);
    const released = one.resume();
    one.suspend();
    one.leave();
    other.end();
    await released;
    one.end();
    await pause(200);
    expect(timeouts).to.equal(0);
  });
});

function approvalOf({
  id: turnId,
  sessionId,
  keyId,
}: {
  id: string;
  sessionId: string;
  keyId: string;
}): Approval {
  return {
    id: randomUUID(),
    sessionId,
    turnId,
    keyId,
    kind: "tool",
    toolUseId: `toolu_${randomUUID()}`,
    tool: "Write",
    input: { file_path: "a" },
    workdir: "/work",
    status: "pending",
    parked: false,
    askedAt: DAY_ONE,
    expiresAt: DAY_TWO,
    deciders: undefined,
    decision: undefined,
  };
}

function parkedOf({ id: approvalId, toolUseId }: Approval, session_id: string): ParkedTurn {
  const response = {
    session_id,
    result: "",
    success: false,
    duration_ms: 1,
    tokens: tokens(),
    cost_usd: 0,
    error: "waits",
  };
  const { prompt: _prompt, ...plan } = {
    prompt: "",
    model: "sonnet",
    systemPrompt: undefined,
    workdir: "/work",
    timeoutMs: 1000,
    verbatim: false,
    maxBudgetUsd: undefined,
  };
  return { approvalId, toolUseId, plan, response, stream: { text: "", lastId: 2 }, ranMs: 1, queuedMs: 0 };
}
