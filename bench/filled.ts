import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LedgerTables, Work } from "@claudeway/ledger";
import type { NewTurn, TurnOutcome } from "@claudeway/ports";
import { openTables } from "#ledger-sqlite/sqlite-ledger.js";

/* Ledgers of any size, whose newest days hold as much as those of a small one. */

const KEYS = 50;
const MODELS = ["claude-sonnet-4-5", "claude-haiku-4-5"];
/** One turn in so many is a one-shot task, with a session of its own. */
const TASK_EVERY = 4;
const DAY_MS = 86_400_000;
export const LAST_DAY = Date.UTC(2026, 9, 31, 12);
export const ANSWER = "The quick brown fox jumps over the lazy dog. ".repeat(12);
const PROMPT = { bytes: 40, sha256: createHash("sha256").update("prompt").digest("hex") };

export interface Shape {
  readonly turns: number;
  readonly sessions: number;
  readonly days: number;
}

export interface Filled extends Shape {
  readonly dir: string;
  readonly sessionIds: readonly string[];
  readonly turnIds: readonly string[];
  readonly fileBytes: number;
  readonly fillSeconds: number;
}

const keyOf = (i: number): string => `key-${i % KEYS}`;
const modelOf = (i: number): string => MODELS[Math.floor(i / KEYS) % MODELS.length] ?? "claude-sonnet-4-5";

export function newTurn(i: number, sessionId: string, kind: "task" | "session", at: number): NewTurn {
  const id = kind === "task" ? sessionId : randomUUID();
  const createdAt = new Date(at).toISOString();
  return {
    id,
    sessionId,
    kind,
    keyId: keyOf(i),
    createdAt,
    route: `POST /${kind}`,
    model: modelOf(i),
    prompt: PROMPT,
  };
}

export function outcomeOf(i: number, sessionId: string): TurnOutcome {
  const tokens = {
    input: 3 + (i % 97),
    output: 20 + (i % 1013),
    cache_read: (i % 31) * 1000,
    cache_write: i % 4001,
  };
  const nano =
    tokens.input * 3000 + tokens.output * 15000 + tokens.cache_read * 300 + tokens.cache_write * 3750;
  const costUsd = nano / 1e9;
  const model = modelOf(i);
  return {
    end: "completed",
    response: {
      session_id: sessionId,
      result: ANSWER,
      success: true,
      duration_ms: 1200,
      tokens,
      cost_usd: costUsd,
      error: null,
    },
    usage: { tokens, costUsd, estimated: false, byModel: { [model]: { tokens, costUsd } } },
    durationMs: 1200,
    queuedMs: 0,
    exitCode: 0,
    model,
  };
}

function* fillTurn(
  tables: LedgerTables,
  i: number,
  shape: Shape,
  sessionIds: readonly string[],
): Work<string> {
  const day = Math.floor((i / shape.turns) * shape.days);
  const at = LAST_DAY - (shape.days - 1 - day) * DAY_MS;
  const own = sessionIds[i % sessionIds.length];
  const kind = own === undefined || i % TASK_EVERY === 0 ? "task" : "session";
  const sessionId = kind === "session" && own !== undefined ? own : randomUUID();
  if (kind === "task") yield* createSession(tables, i, sessionId, "task", at);
  const turn = newTurn(i, sessionId, kind, at);
  yield* tables.turns.begin(turn, { epoch: 0 });
  yield* tables.turns.end(turn.id, outcomeOf(i, sessionId), { at: new Date(at + 1200).toISOString() });
  return turn.id;
}

function* createSession(
  tables: LedgerTables,
  i: number,
  id: string,
  kind: "task" | "session",
  at: number,
): Work<void> {
  yield* tables.sessions.create({
    id,
    keyId: keyOf(i),
    kind,
    model: modelOf(i),
    systemPrompt: undefined,
    workdir: "/tmp/claude-tasks",
    ownsWorkdir: false,
    createdAt: new Date(at).toISOString(),
  });
}

/** Makes a folder with a ledger of that shape. */
export async function fill(shape: Shape): Promise<Filled> {
  const dir = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  const started = performance.now();
  const { tables, database, sql, close } = await openTables({ dataDir: dir });
  const sessionIds = Array.from({ length: shape.sessions }, () => randomUUID());
  const turnIds: string[] = [];
  function* sessions(): Work<void> {
    for (const [i, id] of sessionIds.entries())
      yield* createSession(tables, i, id, "session", LAST_DAY - shape.days * DAY_MS);
  }
  database.perform(sql.transaction(sessions()));
  const batch = 10_000;
  function* turns(from: number): Work<void> {
    for (let i = from; i < Math.min(shape.turns, from + batch); i++)
      turnIds.push(yield* fillTurn(tables, i, shape, sessionIds));
  }
  for (let from = 0; from < shape.turns; from += batch) {
    database.perform(sql.transaction(turns(from)));
  }
  close();
  const fileBytes = statSync(join(dir, "ledger.sqlite")).size;
  return { ...shape, dir, sessionIds, turnIds, fileBytes, fillSeconds: (performance.now() - started) / 1000 };
}

/** A ledger of a thousand turns, and the shape of one of many: each day has a turn of every key and model. */
export const SMALL_SHAPE: Shape = { turns: 1_000, sessions: 100, days: 10 };

export function bigShape(turns: number): Shape {
  return { turns, sessions: Math.max(100, turns / 100), days: 400 };
}
