import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ledger, NewTurn } from "../core/dist/ledger/ledger.js";
import { type LedgerTables, openLedger, openTables } from "../core/dist/ledger/sqlite-ledger.js";
import type { TurnOutcome } from "../core/dist/turns/types.js";

/*
 * What the ledger takes with a thousand turns in it and with a million: the same questions with answers of the same
 * size. Run: node --import tsx bench/ledger.ts [turns of the big one]
 */

const SMALL = 1_000;
const BIG = Number(process.argv[2] ?? 1_000_000);
const KEYS = 50;
const MODELS = ["claude-sonnet-4-5", "claude-haiku-4-5"];
/** The small ledger has a turn of every key and model on each of so many days; the big one covers more days. */
const SMALL_DAYS = 10;
const BIG_DAYS = 400;
/** One turn in so many is a one-shot task, with a session of its own. */
const TASK_EVERY = 4;
const GOAL = 1.5;
const DAY_MS = 86_400_000;
const LAST_DAY = Date.UTC(2026, 9, 31, 12);
const ANSWER = "The quick brown fox jumps over the lazy dog. ".repeat(12);
const PROMPT = { bytes: 40, sha256: createHash("sha256").update("prompt").digest("hex") };

interface Shape {
  readonly turns: number;
  readonly sessions: number;
  readonly days: number;
}

interface Filled extends Shape {
  readonly dir: string;
  readonly sessionIds: readonly string[];
  readonly turnIds: readonly string[];
  readonly fileBytes: number;
  readonly fillSeconds: number;
}

const keyOf = (i: number): string => `key-${i % KEYS}`;
const modelOf = (i: number): string => MODELS[Math.floor(i / KEYS) % MODELS.length] ?? "claude-sonnet-4-5";

function newTurn(i: number, sessionId: string, kind: "task" | "session", at: number): NewTurn {
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

function outcomeOf(i: number, sessionId: string): TurnOutcome {
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

function fillTurn(tables: LedgerTables, i: number, shape: Shape, sessionIds: readonly string[]): string {
  const day = Math.floor((i / shape.turns) * shape.days);
  const at = LAST_DAY - (shape.days - 1 - day) * DAY_MS;
  const own = sessionIds[i % sessionIds.length];
  const kind = own === undefined || i % TASK_EVERY === 0 ? "task" : "session";
  const sessionId = kind === "session" && own !== undefined ? own : randomUUID();
  if (kind === "task") createSession(tables, i, sessionId, "task", at);
  const turn = newTurn(i, sessionId, kind, at);
  tables.turns.begin(turn);
  tables.turns.end(turn.id, outcomeOf(i, sessionId), { at: new Date(at + 1200).toISOString() });
  return turn.id;
}

function createSession(
  tables: LedgerTables,
  i: number,
  id: string,
  kind: "task" | "session",
  at: number,
): void {
  tables.sessions.create({
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

async function fill(shape: Shape): Promise<Filled> {
  const dir = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  const started = performance.now();
  const tables = await openTables({ dataDir: dir });
  const sessionIds = Array.from({ length: shape.sessions }, () => randomUUID());
  const turnIds: string[] = [];
  tables.database.transaction(() => {
    for (const [i, id] of sessionIds.entries())
      createSession(tables, i, id, "session", LAST_DAY - shape.days * DAY_MS);
  });
  const batch = 10_000;
  for (let from = 0; from < shape.turns; from += batch) {
    tables.database.transaction(() => {
      for (let i = from; i < Math.min(shape.turns, from + batch); i++) {
        turnIds.push(fillTurn(tables, i, shape, sessionIds));
      }
    });
  }
  tables.close();
  const fileBytes = statSync(join(dir, "ledger.sqlite")).size;
  return { ...shape, dir, sessionIds, turnIds, fileBytes, fillSeconds: (performance.now() - started) / 1000 };
}

/** One question, as often as it is asked of each ledger. */
interface Question {
  readonly what: string;
  readonly rounds: number;
  ask(ledger: Ledger, filled: Filled, round: number): Promise<unknown>;
}

const any = (list: readonly string[], round: number): string => list[(round * 7919) % list.length] ?? "";

async function writeTurn(ledger: Ledger, filled: Filled, round: number): Promise<void> {
  const sessionId = any(filled.sessionIds, round);
  const turn = newTurn(round, sessionId, "session", LAST_DAY);
  const outcome = outcomeOf(round, sessionId);
  await ledger.turns.begin(turn);
  await ledger.turns.noteProcess(turn.id, { pid: 4242, startTime: 123456, marker: "m" });
  await ledger.turns.recordUsage(turn.id, { ...outcome.usage, costUsd: null, estimated: true });
  await ledger.turns.end(turn.id, outcome, { at: new Date(LAST_DAY).toISOString() });
}

const QUESTIONS: readonly Question[] = [
  { what: "overview", rounds: 500, ask: (ledger) => ledger.totals.overview() },
  { what: "keys", rounds: 500, ask: (ledger) => ledger.totals.byKey() },
  { what: "costs, 10 days", rounds: 200, ask: (ledger) => ledger.totals.costs("daily", SMALL_DAYS) },
  { what: "costs, latest week", rounds: 300, ask: (ledger) => ledger.totals.costs("weekly", 1) },
  { what: "costs, latest month", rounds: 300, ask: (ledger) => ledger.totals.costs("monthly", 1) },
  {
    what: "sessions, first page of 50",
    rounds: 500,
    ask: (ledger) => ledger.sessions.list({ page: 1, limit: 50 }),
  },
  {
    what: "sessions of a key, page of 2",
    rounds: 500,
    ask: (ledger) => ledger.sessions.list({ keyId: "key-7", page: 1, limit: 2 }),
  },
  {
    what: "one session",
    rounds: 1000,
    ask: (ledger, filled, round) => ledger.sessions.get(any(filled.sessionIds, round)),
  },
  {
    what: "a session's last 5 turns",
    rounds: 500,
    ask: (ledger, filled, round) =>
      ledger.turns.listBySession(any(filled.sessionIds, round), { page: 1, limit: 5 }),
  },
  {
    what: "one turn and its answer",
    rounds: 1000,
    async ask(ledger, filled, round) {
      const id = any(filled.turnIds, round);
      await ledger.turns.get(id);
      await ledger.turns.response(id);
    },
  },
  {
    what: "estimate a price",
    rounds: 300,
    ask: (ledger) =>
      ledger.prices.estimateCost("claude-sonnet-4-5", { input: 1, output: 1, cache_read: 1, cache_write: 1 }),
  },
  { what: "write a turn (4 transactions)", rounds: 3000, ask: writeTurn },
];

interface Compared {
  readonly what: string;
  /** Medians, in microseconds. */
  readonly small: number;
  readonly big: number;
  readonly ratio: number;
}

/** Asks both ledgers in turn, so that whatever else the machine does slows both alike. */
async function compare(small: Filled, big: Filled): Promise<Compared[]> {
  const [one, other] = [await openTimed(small), await openTimed(big)];
  const compared: Compared[] = [];
  try {
    for (const { what, rounds, ask } of QUESTIONS) {
      const times: [number[], number[]] = [[], []];
      // The first rounds warm up compiler and page cache, and are not counted.
      for (let round = -Math.ceil(rounds / 10); round < rounds; round++) {
        const first = await timed(() => ask(one.ledger, small, rounds + round));
        const second = await timed(() => ask(other.ledger, big, rounds + round));
        if (round < 0) continue;
        times[0].push(first);
        times[1].push(second);
      }
      compared.push(toCompared(what, median(times[0]), median(times[1])));
    }
    return [...compared, toCompared("open", one.opening, other.opening)];
  } finally {
    await one.ledger.close();
    await other.ledger.close();
  }
}

async function openTimed({ dir }: Filled): Promise<{ readonly ledger: Ledger; readonly opening: number }> {
  const started = performance.now();
  const ledger = await openLedger({ dataDir: dir });
  return { ledger, opening: (performance.now() - started) * 1000 };
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await call();
  return (performance.now() - started) * 1000;
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
}

function toCompared(what: string, small: number, big: number): Compared {
  return { what, small: round(small), big: round(big), ratio: round(big / small, 100) };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const small = await fill({ turns: SMALL, sessions: 100, days: SMALL_DAYS });
  const big = await fill({ turns: BIG, sessions: Math.max(100, BIG / 100), days: BIG_DAYS });
  const rows = await compare(small, big);
  rmSync(small.dir, { recursive: true });
  rmSync(big.dir, { recursive: true });

  print(
    `${"median, microseconds".padEnd(32)}${`${SMALL} turns`.padStart(14)}${`${BIG} turns`.padStart(16)}   ratio`,
  );
  for (const { what, small: first, big: second, ratio } of rows) {
    const mark = what !== "open" && ratio > GOAL ? `  over ${GOAL}` : "";
    print(
      `${what.padEnd(32)}${String(first).padStart(14)}${String(second).padStart(16)}${String(ratio).padStart(8)}${mark}`,
    );
  }
  for (const { turns, sessions, fileBytes, fillSeconds } of [small, big]) {
    const perTurn = Math.round(fileBytes / turns);
    print(
      `${turns} turns, ${sessions} sessions: ${round(fileBytes / 1e6)} MB (${perTurn} bytes a turn, answers of ${ANSWER.length} bytes), filled in ${round(fillSeconds)} s`,
    );
  }
  print(
    JSON.stringify({
      bench: "ledger",
      goal: GOAL,
      rows,
      fileBytes: { [SMALL]: small.fileBytes, [BIG]: big.fileBytes },
    }),
  );
}

function round(value: number, parts = 10): number {
  return Math.round(value * parts) / parts;
}

await main();
