import { statSync } from "node:fs";
import { join } from "node:path";
import type { Tokens, TurnResponse } from "@claudeway/schemas";
import { expect } from "chai";
import { readTurnLines } from "./audit-lines.js";
import { bash, Conversation } from "./conversation.js";
import { sumOfDealt, sumOfDelivered } from "./dealt.js";
import { TestGateway } from "./gateway.js";
import { addTokens, LedgerFile, NO_TOKENS } from "./ledger-file.js";
import { eventually } from "./poll.js";

const OPTIONS = { env: { IS_SANDBOX: "1" }, model: { keepRequests: 20_000 } };
const COUNTS = ["input", "output", "cache_read", "cache_write"] as const;

/** What a client received of a turn. */
interface Acknowledged {
  readonly turnId: string;
  readonly sessionId: string;
  readonly response: TurnResponse;
}

/** The same numbers for the same seed (mulberry32), from 0 to 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Everything that has to hold of a ledger, whenever its gateway was killed. */
async function checkLedger(ledger: LedgerFile, acknowledged: readonly Acknowledged[]): Promise<void> {
  expect(await ledger.query("PRAGMA integrity_check")).to.deep.equal([{ integrity_check: "ok" }]);
  expect(await ledger.query("SELECT id FROM turns WHERE end IS NULL"), "turns that run").to.deep.equal([]);
  // The sum of no rows is null: a kill may come before the first turn is written.
  const columns = ["input", "output", "cache_read", "cache_write", "cost_nano", "estimated"];
  const summed = columns.map((column) => `coalesce(sum(${column}), 0) AS ${column}`).join(", ");
  const sums = (table: string, where = "true") =>
    ledger.query(`SELECT ${summed} FROM ${table} WHERE ${where}`);
  const turns = await sums("turns");
  expect(await sums("sessions"), "sessions").to.deep.equal(turns);
  expect(await sums("totals", "grain = 'day'"), "totals of days").to.deep.equal(turns);
  for (const { turnId, response } of acknowledged) {
    const [row] = await ledger.query("SELECT * FROM turns WHERE id = ?", turnId);
    expect(row, `the acknowledged turn ${turnId}`).to.not.equal(undefined);
    const { input, output, cache_read, cache_write } = row ?? {};
    expect({ input, output, cache_read, cache_write }).to.deep.equal(response.tokens);
    expect(Number(row?.["cost_nano"])).to.equal(Math.round((response.cost_usd ?? 0) * 1e9));
  }
}

function atMost(tokens: Tokens, most: Tokens): boolean {
  return COUNTS.every((count) => tokens[count] <= most[count]);
}

/**
 * Begun, usage at the start and the end of the first message, and at the start of the second. The usage at the end of
 * that may be read together with the turn's end, which then includes it.
 */
const WRITES = 4;

describe("a gateway that is killed", () => {
  let gateway: TestGateway;
  let ledger: LedgerFile;
  beforeEach(async () => {
    gateway = await TestGateway.start(OPTIONS);
    ledger = new LedgerFile(gateway.dataDir);
  });
  afterEach(() => gateway.dispose());

  it("at 30 moments under load loses nothing acknowledged, and bills nothing twice", async function () {
    this.timeout(500_000);
    const random = randomFrom(20_260_312);
    const acknowledged: Acknowledged[] = [];
    const talks: Conversation[] = [];
    for (let kill = 0; kill < 30; kill++) {
      talks.push(await Conversation.start(gateway));
      const load = talks.slice(-3).map((talk) => talkUntilKilled(talk, random, acknowledged));
      // Half of them come right behind an answer, when a process is on its way out and the next turn begins.
      const told = acknowledged.length;
      if (kill % 2 === 0) await eventually("an answer", () => acknowledged.length > told);
      await new Promise((resolve) => setTimeout(resolve, random() * (kill % 2 === 0 ? 300 : 2000)));
      await gateway.stop("SIGKILL");
      await Promise.all(load);
      await gateway.launch();
      await checkLedger(ledger, acknowledged.slice(-50));
    }
    await checkLedger(ledger, acknowledged);
    expect(acknowledged.length, "turns that came to their answer").to.be.greaterThan(10);

    const lost = await ledger.query("SELECT id FROM turns WHERE end = 'lost'");
    expect(lost.length, "lost turns").to.be.greaterThan(10);
    const ended = await ledger.query("SELECT id FROM turns WHERE end IS NOT NULL");
    const lines = readTurnLines(gateway.logDir, "admin").map(({ turn_id }) => turn_id);
    for (const { id } of ended)
      expect(
        lines.filter((line) => line === id),
        `lines of ${id}`,
      ).to.have.length(1);
    expect(new Set(lines).size, "no turn has two lines").to.equal(lines.length);

    await Promise.all(talks.map(checkMoney));
  });

  /** Runs turns one after another until a request fails. */
  async function talkUntilKilled(
    talk: Conversation,
    random: () => number,
    acknowledged: Acknowledged[],
  ): Promise<void> {
    for (;;) {
      const prompt = random() < 0.3 ? "[[bash echo hi]] [[words 7]]" : "[[slow 3]] [[words 30]]";
      const answer = await talk.say(prompt).catch(() => undefined);
      if (answer === undefined || answer.status !== 200) return;
      const turnId = answer.headers.get("x-turn-id") ?? "";
      acknowledged.push({ turnId, sessionId: talk.id, response: answer.body });
    }
  }

  /** The session continues, and its total is at least what was reported and at most what the model dealt. */
  async function checkMoney(talk: Conversation): Promise<void> {
    const { body } = await talk.say("[[words 6]]");
    expect(body.success, JSON.stringify(body)).to.equal(true);
    const turns = await talk.ledger.turns(talk.id);
    const sum = turns.reduce((all, { tokens }) => addTokens(all, tokens), NO_TOKENS);
    expect((await talk.view()).tokens).to.deep.equal(sum);
    const dealt = sumOfDealt(talk.dealt());
    expect(atMost(sum, dealt), `${JSON.stringify(sum)} of ${JSON.stringify(dealt)}`).to.equal(true);
    if (turns.every(({ end }) => end !== "lost")) expect(sum).to.deep.equal(dealt);
  }

  it("records the turn once with its delivered usage, between any two writes", async function () {
    this.timeout(300_000);
    const prompt = `[[words 3]] ${bash("node -e 'setTimeout(()=>{},150)'")} [[words 4]]`;
    // What was written of each lost turn. Whoever looks on may be too slow for a write: then it is tried again.
    const met = new Set<string>();
    let completed = false;
    const talks: Conversation[] = [];
    for (let write = 1; (met.size < WRITES || !completed) && talks.length < 40; write++) {
      const talk = await Conversation.start(gateway);
      const before = walSize(gateway);
      let over = false;
      const turn = talk.say(prompt).then(
        ({ body }) => body,
        () => undefined,
      );
      void turn.then(() => {
        over = true;
      });
      await untilWritten(gateway, before, write, () => over);
      await gateway.stop("SIGKILL");
      const answer = await turn;
      await gateway.launch();
      await checkLedger(ledger, []);
      const [filed] = await ledger.turns(talk.id);
      if (filed !== undefined) {
        if (filed.end === "lost") met.add(JSON.stringify([filed.pid !== null, filed.tokens]));
        // A write that the gateway made, but was killed before it could look at more of what was delivered.
        expect(atMost(filed.tokens, sumOfDelivered(talk.dealt()))).to.equal(true);
        expect(filed.estimated).to.equal(filed.end === "lost");
        const lines = readTurnLines(gateway.logDir, "admin").filter(({ turn_id }) => turn_id === filed.id);
        expect(lines).to.have.length(1);
      }
      talks.push(talk);
      if (answer !== undefined) {
        expect(answer.tokens).to.deep.equal(filed?.tokens);
        completed = true;
        write = 0;
      }
    }
    expect([...met], "the moments that were met").to.have.length.at.least(WRITES);
    expect(completed).to.equal(true);
    await Promise.all(talks.map(checkMoney));
  });

  it("records a lost turn once, however often it restarts", async function () {
    this.timeout(60_000);
    const talk = await Conversation.start(gateway);
    const turn = talk.say("[[words 5]] [[hang]]").catch(() => undefined);
    const open = await talk.reached("message", 0);
    await gateway.stop("SIGKILL");
    await turn;
    for (let start = 0; start < 3; start++) {
      await gateway.launch();
      await gateway.stop(start === 1 ? "SIGKILL" : "SIGTERM");
    }
    await gateway.launch();
    const [filed] = await talk.ledger.turns(talk.id);
    expect(filed).to.deep.include({ end: "lost", tokens: open.tokens, estimated: true });
    expect((await talk.view()).tokens).to.deep.equal(open.tokens);
    const lines = readTurnLines(gateway.logDir, "admin");
    expect(lines.map(({ turn_id }) => turn_id)).to.deep.equal([open.id]);
    expect(lines[0]).to.deep.include({
      success: false,
      tokens: open.tokens,
      cost_estimated: true,
      claude_exit_code: null,
    });
  });
});

function walSize(gateway: TestGateway): number {
  try {
    return statSync(join(gateway.dataDir, "ledger.sqlite-wal")).size;
  } catch {
    return 0;
  }
}

/** Waits until the ledger's journal has grown so many times: each commit of the gateway appends to it. */
async function untilWritten(
  gateway: TestGateway,
  before: number,
  writes: number,
  over: () => boolean,
): Promise<void> {
  let size = before;
  let seen = 0;
  while (seen < writes && !over()) {
    await new Promise(setImmediate);
    const now = walSize(gateway);
    if (now > size) {
      seen++;
      size = now;
    }
  }
}
