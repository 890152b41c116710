import { randomUUID } from "node:crypto";
import type { LedgerTables, Work } from "@claudeway/ledger";
import { openTables } from "#ledger-sqlite/sqlite-ledger.js";

const DAY_MS = 86_400_000;
const PROMPT = { bytes: 40, sha256: "0".repeat(64) };

/** What turns a ledger is to hold: on each of the last days, for each model and key, so many at such a price. */
export interface Shape {
  readonly days: number;
  readonly models: readonly string[];
  readonly keys: readonly string[];
  /** Sessions of each key that the turns are spread over. */
  readonly sessions: number;
  turns(day: number, model: number, key: number): number;
  costUsd(day: number, model: number, key: number): number;
}

/** Fills the ledger of a gateway that does not run. Day 0 is today. */
export async function fillLedger(dataDir: string, shape: Shape): Promise<void> {
  const { tables, database, sql, close } = await openTables({ dataDir });
  try {
    database.perform(sql.transaction(fillAll(tables, shape)));
  } finally {
    close();
  }
}

function* fillAll(tables: LedgerTables, shape: Shape): Work<void> {
  const noon = Math.floor(Date.now() / DAY_MS) * DAY_MS + 60_000;
  const sessions = shape.keys.map((keyId) => ({
    keyId,
    ids: Array.from({ length: shape.sessions }, () => randomUUID()),
  }));
  for (const { keyId, ids } of sessions) {
    for (const [no, id] of ids.entries()) {
      const model = ["sonnet", "haiku", "opus"][no % 3] ?? "sonnet";
      const at = noon - ((no * 7) % shape.days) * DAY_MS;
      const workdir = `/tmp/claude-tasks/${id}`;
      yield* tables.sessions.create({
        id,
        keyId,
        kind: "session",
        model,
        systemPrompt: undefined,
        workdir,
        ownsWorkdir: false,
        createdAt: new Date(at).toISOString(),
      });
    }
  }
  // In the order of their times, as turns are.
  for (let day = shape.days - 1; day >= 0; day--) {
    for (const [keyNo, { keyId, ids }] of sessions.entries()) {
      for (const [modelNo, model] of shape.models.entries()) {
        for (let turn = 0; turn < shape.turns(day, modelNo, keyNo); turn++) {
          const sessionId = ids[(day + turn) % ids.length] ?? "";
          const costUsd = shape.costUsd(day, modelNo, keyNo);
          yield* fillTurn(tables, { keyId, sessionId, model, at: noon - day * DAY_MS, costUsd });
        }
      }
    }
  }
}

interface Filled {
  readonly keyId: string;
  readonly sessionId: string;
  readonly model: string;
  readonly at: number;
  readonly costUsd: number;
}

function* fillTurn(tables: LedgerTables, { keyId, sessionId, model, at, costUsd }: Filled): Work<void> {
  const id = randomUUID();
  const tokens = { input: 900, output: 420, cache_read: 12_000, cache_write: 800 };
  const response = {
    session_id: sessionId,
    result: "The tests pass now. I moved the check before the write, so that a full disk is noticed in time.",
    success: true,
    duration_ms: 8200,
    tokens,
    cost_usd: costUsd,
    error: null,
  };
  const createdAt = new Date(at).toISOString();
  yield* tables.turns.begin({
    id,
    sessionId,
    kind: "session",
    keyId,
    createdAt,
    route: "POST /session/:id",
    model,
    prompt: PROMPT,
  });
  yield* tables.turns.end(
    id,
    {
      end: "completed",
      response,
      usage: { tokens, costUsd, estimated: false, byModel: { [model]: { tokens, costUsd } } },
      durationMs: 8200,
      queuedMs: 0,
      exitCode: 0,
      model,
    },
    { at: new Date(at + 8200).toISOString() },
  );
}
