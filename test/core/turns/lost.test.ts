import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { definePlugin, type TurnInfo, type TurnOutcome } from "@claudeway/core";
import type { Ledger, SessionTotals, TurnUsage, WrittenUsage } from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { KnownSecrets } from "#config/known-secrets.js";
import { ONE_NODE } from "#core/one-node.js";
import { loseBackground } from "#core/turns/background.js";
import { recordLostTurns, type WrittenSince } from "#core/turns/lost.js";
import { NO_USAGE } from "#core/turns/usage.js";
import { reportedUsage } from "#engine-claude/usage.js";
import { openAudit } from "#ledger-sqlite/audit-files.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { ScriptedEngine } from "#testing/scripted-engine.js";
import { readAudit } from "../../e2e/audit-lines.js";
import { parkedForLimit, tokens, usageOf } from "../../ledger/fixture.js";
import { bootScripted } from "./kit.js";

const TURN: TurnInfo = {
  id: "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01",
  sessionId: "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a02",
  kind: "session",
  keyId: "admin",
  createdAt: "2026-01-01T00:00:00.000Z",
};

describe("a turn that was lost when a gateway died", () => {
  let dir: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-lost-"));
    await beginTurn(join(dir, "data"));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it("has what it had used before it waited for a usage limit counted once", async () => {
    const dataDir = join(dir, "waited");
    const usage = usageOf("sonnet", tokens(100, 20), 0.02);
    const ledger = await openLedger({ dataDir });
    await begin(ledger, dataDir);
    const at = new Date().toISOString();
    await ledger.turns.park(TURN.id, { at, usage, model: "sonnet", parked: parkedForLimit() });
    await ledger.turns.unpark(TURN.id);
    await ledger.close();
    leaveAsKilled(dataDir);
    const again = await openLedger({ dataDir });
    const log = pino({ level: "silent" });
    const audit = openAudit({ dir: join(dir, "logs-waited"), log, secrets: new KnownSecrets() });
    const engine = { totalsAfterLoss: () => ({ bases: [] }), usageAfterLoss: (known: TurnUsage) => known };
    // The CLI's own messages are those from before the wait.
    const written = { used: {}, carried: {} };
    await recordLostTurns({ ledger: again, audit, log }, engine, async () => written);
    expect((await again.turns.get(TURN.id))?.usage).to.deep.include({ tokens: usage.tokens, costUsd: 0.02 });
    expect((await again.sessions.get(TURN.sessionId))?.totals).to.deep.include({ costUsd: 0.02 });
    await again.close();
    await audit.close();
  });

  it("is passed to afterExecute at the next start, once", async () => {
    const told: [TurnInfo, TurnOutcome][] = [];
    for (let round = 0; round < 2; round++) {
      const gateway = await bootScripted(dir, new ScriptedEngine(), [listener(told)]);
      await gateway.close();
    }
    expect(told).to.have.length(1);
    const [[turn, outcome] = []] = told;
    expect(turn).to.deep.equal({ ...TURN, origin: "prompt" });
    expect(outcome).to.deep.include({ end: "lost", model: "sonnet" });
    expect(outcome?.response).to.deep.include({ success: false, code: "UNAVAILABLE" });
  });
});

describe("a turn that had ended when a gateway was killed, before its audit line was written", () => {
  let dir: string;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-unwritten-"));
    await endTurn(join(dir, "data"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const linesAfterStart = async () => {
    const gateway = await bootScripted(dir, new ScriptedEngine());
    await gateway.close();
    return readAudit(join(dir, "logs"), TURN.keyId).filter(
      ({ claude_exit_code: code }) => code !== undefined,
    );
  };

  it("gets it at the next start, as it would have been, and no second one at the next", async () => {
    for (let round = 0; round < 2; round++) {
      leaveAsKilled(join(dir, "data"));
      const lines = await linesAfterStart();
      expect(lines).to.have.length(1);
      expect(lines[0]).to.deep.include({
        timestamp: ENDED_AT,
        level: "WARN",
        key_id: "admin",
        session_id: TURN.sessionId,
        turn_id: TURN.id,
        model: "sonnet",
        claude_exit_code: 7,
        duration_ms: 1200,
        success: false,
        cost_usd: 0,
        message: "session failed: it broke",
      });
    }
  });

  it("gets it also where another line names the turn, and the last one was cut off", async () => {
    leaveAsKilled(join(dir, "data"));
    mkdirSync(join(dir, "logs", "admin"), { recursive: true });
    const decided = {
      timestamp: ENDED_AT,
      level: "INFO",
      key_id: "admin",
      turn_id: TURN.id,
      message: "allowed",
    };
    const file = join(dir, "logs", "admin", `${ENDED_AT.slice(0, 7)}.log`);
    appendFileSync(file, `${JSON.stringify(decided)}\n{"timestamp":"`);
    const gateway = await bootScripted(dir, new ScriptedEngine());
    await gateway.close();
    const [, torn, line] = readFileSync(file, "utf8").split("\n");
    expect(torn).to.equal('{"timestamp":"');
    expect(JSON.parse(line ?? "")).to.include({ turn_id: TURN.id, claude_exit_code: 7 });
  });

  it("gets none if the gateway closed orderly, since it logged failed writes then", async () => {
    expect(await linesAfterStart()).to.deep.equal([]);
  });
});

describe("what a subagent had used when a gateway was killed between two turns", () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-uncharged-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** The turns that a start records after the ledger was left so, with what the CLI wrote down. */
  async function recorded(cliTotals: SessionTotals, written: WrittenUsage | undefined) {
    const dataDir = join(dir, "data");
    await endTurn(dataDir, cliTotals);
    leaveAsKilled(dataDir);
    const log = pino({ level: "silent" });
    const audit = openAudit({ dir: join(dir, "logs"), log, secrets: new KnownSecrets() });
    const ledger = await openLedger({ dataDir });
    const asked: Parameters<WrittenSince>[] = [];
    const writtenSince: WrittenSince = async (...terms) => {
      asked.push(terms);
      return written;
    };
    const engine = {
      totalsAfterLoss: () => ({ bases: [] }),
      usageAfterLoss: (_: TurnUsage, { carried }: WrittenUsage) => reportedUsage(carried),
    };
    try {
      await loseBackground({ ledger, ownership: ONE_NODE, audit, log }, writtenSince);
      await recordLostTurns({ ledger, audit, log }, engine, writtenSince);
      const { turns } = await ledger.turns.listBySession(TURN.sessionId, { page: 1, limit: 10 });
      return { turns, asked, uncharged: await ledger.sessions.uncharged() };
    } finally {
      await ledger.close();
      await audit.close();
    }
  }

  const used = { input: 7, output: 2, cacheRead: 0, cacheWrite: 0, costUsd: 0.5 };
  const carried = { sonnet: used };

  it("gets a turn of its own, once, from the end of the turn before", async () => {
    const { turns, asked, uncharged } = await recorded({ bases: [], carried }, { used: {}, carried });
    expect(turns.map(({ origin, ended }) => [origin, ended?.end])).to.deep.equal([
      ["background", "lost"],
      ["prompt", "failed"],
    ]);
    expect(turns[0]?.usage).to.deep.include({ costUsd: 0.5 });
    expect(asked.map(([, , since]) => since.toISOString())).to.deep.equal([ENDED_AT, ENDED_AT]);
    expect(uncharged).to.deep.equal([]);
  });

  it("is looked for where a message of it was heard", async () => {
    const unreported = [{ id: "msg", model: "sonnet", used }];
    expect((await recorded({ bases: [], unreported }, undefined)).asked).to.have.length(1);
  });

  it("is not looked for where all was charged for", async () => {
    const { turns, asked } = await recorded({ bases: [carried] }, { used: {}, carried });
    expect([turns.length, asked.length]).to.deep.equal([1, 0]);
  });
});

const ENDED_AT = "2026-01-01T00:00:02.000Z";

/** What tells the next gateway that this one was killed: it could not take its pid away. */
function leaveAsKilled(dataDir: string): void {
  writeFileSync(join(dataDir, "ledger.sqlite.pid"), "1\n");
}

function listener(told: [TurnInfo, TurnOutcome][]) {
  return definePlugin({
    name: "listener",
    apiVersion: 1,
    configSchema: { type: "object" },
    apply(kernel) {
      kernel.hooks.afterExecute.tap("listen", (turn, outcome) => void told.push([turn, outcome]));
    },
  });
}

/** Leaves a ledger as a gateway does that is killed in the middle of a turn. */
async function beginTurn(dataDir: string): Promise<void> {
  const ledger = await openLedger({ dataDir });
  await begin(ledger, dataDir);
  await ledger.close();
}

/** The same of one that is killed just after the turn's end. */
async function endTurn(dataDir: string, cliTotals?: SessionTotals): Promise<void> {
  const ledger = await openLedger({ dataDir });
  await begin(ledger, dataDir);
  const { tokens, costUsd: cost_usd } = NO_USAGE;
  const response = {
    session_id: TURN.sessionId,
    result: "",
    success: false,
    duration_ms: 1200,
    tokens,
    cost_usd,
    error: "it broke",
  };
  const outcome: TurnOutcome = {
    end: "failed",
    response,
    usage: NO_USAGE,
    durationMs: 1200,
    queuedMs: 3,
    exitCode: 7,
    model: "sonnet",
  };
  await ledger.turns.end(TURN.id, outcome, { at: ENDED_AT, cliTotals });
  await ledger.close();
}

async function begin(ledger: Ledger, workdir: string): Promise<void> {
  const { sessionId: id, keyId, kind, createdAt } = TURN;
  await ledger.sessions.create({
    id,
    keyId,
    kind,
    createdAt,
    workdir,
    model: "sonnet",
    systemPrompt: undefined,
    ownsWorkdir: false,
  });
  const prompt = { bytes: 5, sha256: "" };
  await ledger.turns.begin({ ...TURN, route: "POST /session/:id", model: "sonnet", prompt }, { epoch: 0 });
}
