import { join } from "node:path";
import { CommitInDoubt, GatewayError, type Ledger, LedgerError } from "@claudeway/ports";
import { expect } from "chai";
import type { Services } from "#core/services.js";
import { loseBackground } from "#core/turns/background.js";
import { recordLostTurns } from "#core/turns/lost.js";
import type { Turn } from "#core/turns/turn.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { readAudit } from "../../e2e/audit-lines.js";
import { eventually } from "../../e2e/poll.js";
import { newApproval, newTurn, parkedFor, rejection } from "../../ledger/fixture.js";
import { BookOwnership } from "./book-ownership.js";
import { CALLER, log, newSessionOf, PROMPT, promptIn, ServicesKit } from "./services-kit.js";

const LOSS = { totalsAfterLoss: () => ({ bases: [] }), usageAfterLoss: <T>(recorded: T) => recorded };

interface Node {
  readonly ownership: BookOwnership;
  readonly services: Services;
  readonly engine: ScriptedEngine;
  readonly ran: ScriptedEngine["ran"];
}

describe("a turn of a node whose sessions may go to another one", () => {
  let kit: ServicesKit;
  let ledger: Ledger;
  let goOn: () => void;
  let waited: Promise<void>;
  let one: Node;
  let two: Node;

  beforeEach(async () => {
    kit = await ServicesKit.open();
    ({ ledger } = kit);
    waited = new Promise((resolve) => {
      goOn = resolve;
    });
    one = await start("one");
    two = await start("two");
  });
  afterEach(async () => {
    goOn();
    await kit.close();
  });

  async function start(name: string): Promise<Node> {
    const ownership = await BookOwnership.join(ledger.nodes, name);
    const engine = new ScriptedEngine(async function* ({ prompt }) {
      if (prompt === "wait") yield { wait: waited };
      yield `done: ${prompt}`;
    });
    return { ownership, services: await kit.start(ownership, engine), engine, ran: engine.ran };
  }
  const session = (at: Node) => newSessionOf(at.services);
  const prompt = (at: Node, id: string, text: string) => promptIn(at.services, id, text);
  async function running(at: Node, id: string): Promise<Turn> {
    const turn = await prompt(at, id, "wait");
    await eventually("the turn runs", () => at.ran.some(({ prompt: text }) => text === "wait"));
    return turn;
  }
  /** The node is buried, and does not hear of it: it was stopped, or cut off. */
  const bury = ({ ownership: { start } }: Node) => ledger.nodes.bury({ ...start, beat: 0 });
  /** What a node does when it starts, and when it finds what others left. */
  async function undertake(): Promise<readonly string[]> {
    const records = { ledger, ownership: two.ownership, audit: kit.audit, log };
    await loseBackground(records, async () => undefined);
    return (await recordLostTurns(records, LOSS)).map(({ turn }) => turn.id);
  }
  const linesOf = async () => {
    await kit.audit.flush();
    return readAudit(join(kit.dir, "logs"), "admin");
  };

  it("is not booked as lost when another node starts", async () => {
    const turn = await running(one, await session(one));
    two = await start("two");
    expect(await undertake()).to.deep.equal([]);
    goOn();
    expect((await turn.ended).outcome).to.include({ end: "completed" });
    expect(await undertake()).to.deep.equal([]);
  });

  it("keeps its idempotency key, when another node starts before it has begun", async () => {
    const key = { keyId: "admin", route: "POST /task", idempotencyKey: "k", bodyHash: "h" };
    const { start: by } = one.ownership;
    expect(await ledger.idempotency.claim({ ...key, turnId: "t1" }, by)).to.equal("new");
    const three = await start("three");
    const again = ledger.idempotency.claim({ ...key, turnId: "t2" }, three.ownership.start);
    expect(await again).to.deep.equal({ turnId: "t1", by });
  });

  it("has no success that the books lack, if its node wakes after it was booked as lost", async () => {
    const turn = await running(one, await session(one));
    await bury(one);
    expect(await undertake()).to.deep.equal([turn.info.id]);
    goOn();
    const { outcome, error } = await turn.ended;
    expect(outcome.end).to.equal("lost");
    expect(outcome.response).to.include({ success: false, result: "", code: "UNAVAILABLE" });
    expect(error).to.equal(undefined);
    expect((await ledger.turns.get(turn.info.id))?.ended?.end).to.equal("lost");
    expect(await linesOf()).to.have.length(1);
  });

  it("has no success and no end in the books, if its node wakes before it is booked as lost", async () => {
    const turn = await running(one, await session(one));
    await bury(one);
    goOn();
    const { outcome, error } = await turn.ended;
    expect(outcome.end).to.equal("lost");
    expect(outcome.response).to.include({ success: false, result: "", code: "UNAVAILABLE" });
    expect(error).to.include({ code: "UNAVAILABLE", status: 503 });
    expect(error?.options.headers).to.deep.equal({ "retry-after": "1" });
    expect(await ledger.turns.get(turn.info.id)).to.deep.include({ ended: undefined });
    expect(await linesOf()).to.have.length(0);
    expect(await undertake()).to.deep.equal([turn.info.id]);
    expect(await linesOf()).to.have.length(1);
  });

  it("has no success, and 503, if it is unknown whether its end is in the books", async () => {
    const turn = await running(one, await session(one));
    Object.assign(ledger.turns, { end: () => Promise.reject(new CommitInDoubt("ledger: unknown")) });
    goOn();
    const { outcome, error } = await turn.ended;
    expect(outcome.response).to.include({ success: false, result: "", code: "UNAVAILABLE" });
    expect(error).to.include({ code: "UNAVAILABLE", status: 503 });
  });

  it("has 503 if the ledger is away until its node stops working", async () => {
    const turn = await running(one, await session(one));
    Object.assign(ledger.turns, { end: () => Promise.reject(new LedgerError("ledger: away", {}, true)) });
    turn.stop("shutdown");
    const { outcome, error } = await turn.ended;
    expect(outcome.response).to.include({ success: false, result: "", code: "UNAVAILABLE" });
    expect(error).to.include({ code: "UNAVAILABLE", status: 503 });
  });

  it("does not begin at a node that has lost the session, and costs nothing", async () => {
    const id = await session(one);
    await bury(one);
    const turn = await prompt(one, id, "late");
    const { outcome, error } = await turn.ended;
    expect(outcome).to.include({ end: "refused" });
    expect(error).to.include({ code: "UNAVAILABLE" });
    expect(await ledger.turns.get(turn.info.id)).to.equal(undefined);
    expect(one.ran).to.deep.equal([]);
    expect((await (await prompt(two, id, "now")).ended).outcome.end).to.equal("completed");
  });

  it("does not begin at a node while another one has the session, and names that one", async () => {
    const id = await session(one);
    const { error } = await (await prompt(two, id, "elsewhere")).ended;
    expect(error).to.be.instanceOf(GatewayError);
    expect(error).to.deep.include({ node: { ...one.ownership.start, url: "http://one" } });
    expect(two.ran).to.deep.equal([]);
  });

  it("of a one-shot task does not begin at a node that was buried", async () => {
    await bury(one);
    const id = crypto.randomUUID();
    const request = { ...PROMPT, model: "sonnet" };
    const turn = await one.services.tasks.start(CALLER, request, { id, route: "POST /task" });
    const { outcome, error } = await turn.ended;
    expect([outcome.end, error?.code]).to.deep.equal(["refused", "UNAVAILABLE"]);
    expect(await ledger.sessions.get(id)).to.equal(undefined);
  });

  it("that is parked can be withdrawn by the node that has its session now", async () => {
    const id = await session(one);
    const { turn } = await parked(id);
    await bury(one);
    expect((await rejection(prompt(two, id, "next"))).message).to.include("waits for a decision");
    expect(await two.services.sessions.interrupt(CALLER, id)).to.equal(true);
    expect((await ledger.turns.get(turn.id))?.ended?.end).to.equal("interrupted");
    expect((await (await prompt(two, id, "next")).ended).outcome.end).to.equal("completed");
  });

  it("that is parked resumes at the node that has its session, and at the next one once that is dead", async () => {
    const id = await session(one);
    const { turn, approval } = await parked(id);
    await ledger.approvals.settle(approval.id, "allowed");
    await two.services.resumption.goOn(turn.id);
    expect(two.services.turns.get(turn.id)).to.equal(undefined);
    await bury(one);
    await two.services.resumption.goOn(turn.id);
    // Nothing was said in it before.
    const resumed = await two.services.turns.get(turn.id)?.ended;
    expect(resumed?.outcome.response).to.include({ code: "CONVERSATION_LOST" });
    expect((await ledger.turns.get(turn.id))?.ended?.end).to.equal("failed");
  });

  it("that its node ends because it may not work any more says so", async () => {
    const turn = await running(one, await session(one));
    one.services.turns.stopAll("fenced");
    const { outcome, error } = await turn.ended;
    expect(outcome).to.include({ end: "interrupted" });
    expect(outcome.response.error).to.equal("the node of this turn lost its place in the cluster");
    expect(error).to.include({ code: "UNAVAILABLE", status: 503 });
  });

  it("finds no session here whose history could not be stored for other nodes", async () => {
    const conversations = {
      create: async () => "created" as const,
      save: async () => Promise.reject(new Error("the database is away")),
    };
    Object.assign(one.engine, { conversations });
    const created: string[] = [];
    const note = one.ownership.created.bind(one.ownership);
    one.ownership.created = (id) => {
      created.push(id);
      return note(id);
    };
    const history = [{ role: "user", content: "Hi" }] as const;
    const refused = one.services.sessions.start(CALLER, { model: "sonnet" }, { history });
    expect((await rejection(refused)).message).to.equal("the database is away");
    expect(created).to.deep.equal([]);
    expect((await ledger.sessions.list({ page: 1, limit: 9 })).total).to.equal(0);
  });

  /** A turn of the session whose call waits for a decision. */
  async function parked(id: string) {
    const turn = newTurn({ id, keyId: "admin", kind: "session" });
    await ledger.turns.begin(turn, { epoch: 0 });
    const approval = newApproval(turn, { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    await ledger.approvals.ask(approval);
    const usage = {
      tokens: { input: 1, output: 1, cache_read: 0, cache_write: 0 },
      costUsd: 0.01,
      estimated: false,
      byModel: {},
    };
    const at = new Date().toISOString();
    await ledger.turns.park(turn.id, { at, usage, model: "sonnet", parked: parkedFor(approval) });
    return { turn, approval };
  }
});
