import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import {
  type AuditLog,
  type Ledger,
  LedgerError,
  type TurnEnd,
  type TurnOutcome,
  type TurnUsage,
} from "@claudeway/ports";
import { expect } from "chai";
import { pino } from "pino";
import { ONE_NODE } from "#core/one-node.js";
import { TurnRecorder } from "#core/turns/turn-recorder.js";
import { NO_USAGE } from "#core/turns/usage.js";
import { openAudit } from "#ledger-sqlite/audit-files.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { untilWritten } from "#scheduling/until-written.js";
import { readAudit } from "../../e2e/audit-lines.js";

const ID = "0b0e5b5a-3d0f-4d2a-9d0e-0d5b8f6f0a01";
const SILENT = pino({ level: "silent" });
const PROCESS = { pid: 42, startTime: 4711, marker: "here" };

describe("the recorded end of a turn", () => {
  let dir: string;
  let ledger: Ledger;
  let audit: AuditLog;
  let recorder: TurnRecorder;

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "claudeway-booking-"));
    ledger = await openLedger({ dataDir: dir });
    const info = {
      id: ID,
      sessionId: ID,
      kind: "task",
      keyId: "admin",
      createdAt: new Date().toISOString(),
    } as const;
    const plan = {
      prompt: "hello",
      model: "sonnet",
      systemPrompt: undefined,
      workdir: dir,
      timeoutMs: 1000,
      verbatim: false,
      maxBudgetUsd: undefined,
    };
    audit = openAudit({ dir: join(dir, "logs"), log: SILENT });
    recorder = new TurnRecorder(
      { info, plan, route: "POST /task" },
      { ledger, ownership: ONE_NODE, audit, log: SILENT },
    );
    await recorder.begin();
  });
  afterEach(async () => {
    await audit.close();
    await ledger.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it("is the first one written, which later ones get", async () => {
    const first = outcome("interrupted");
    expect(await recorder.end(first)).to.equal(first);
    expect(await recorder.end(outcome("completed"))).to.deep.equal(first);
    await audit.flush();
    expect(readAudit(join(dir, "logs"), "admin")).to.have.length(1);
  });

  it("has what was used so far before it as soon as what was read together is worked off", async () => {
    recorder.process(PROCESS);
    recorder.usage(used(1));
    recorder.usage(used(2));
    await setImmediate();
    expect(await ledger.turns.get(ID)).to.deep.include({ usage: used(2), process: PROCESS });
  });

  it("is not written over by what was used before it", async () => {
    recorder.process(PROCESS);
    recorder.usage(used(1));
    await recorder.end(outcome("completed"));
    await setImmediate();
    expect(await ledger.turns.get(ID)).to.deep.include({ process: PROCESS });
    expect((await ledger.turns.get(ID))?.usage.tokens).to.deep.equal(NO_USAGE.tokens);
  });
});

describe("a failed write to the ledger", () => {
  const full = () => new LedgerError("the disk is full", undefined, true);

  it("is retried until it succeeds", async () => {
    let tries = 0;
    const write = async () => {
      if (++tries < 3) throw full();
      return tries;
    };
    expect(await untilWritten(write, new AbortController().signal, SILENT)).to.equal(3);
  });

  it("is retried once, at once, when the gateway closes", async () => {
    const giveUp = new AbortController();
    const error = full();
    let tries = 0;
    const write = async () => {
      tries++;
      if (tries === 4) giveUp.abort();
      throw error;
    };
    expect(await untilWritten(write, giveUp.signal, SILENT).catch((reason) => reason)).to.equal(error);
    expect(tries).to.equal(5);
  });

  it("is not retried if that cannot help", async () => {
    const closed = new LedgerError("the ledger is closed");
    let tries = 0;
    const write = async () => {
      tries++;
      throw closed;
    };
    const given = await untilWritten(write, new AbortController().signal, SILENT).catch((reason) => reason);
    expect(given).to.equal(closed);
    expect(tries).to.equal(1);
  });
});

function used(output: number): TurnUsage {
  const tokens = { ...NO_USAGE.tokens, output };
  return { tokens, costUsd: null, estimated: true, byModel: { sonnet: { tokens, costUsd: null } } };
}

function outcome(end: TurnEnd): TurnOutcome {
  const response = {
    session_id: ID,
    result: end,
    success: end === "completed",
    duration_ms: 5,
    tokens: NO_USAGE.tokens,
    cost_usd: 0,
    error: null,
  };
  return { end, response, usage: NO_USAGE, durationMs: 5, queuedMs: 0, exitCode: 0, model: "sonnet" };
}
