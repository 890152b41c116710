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
  /** Null: its price is unknown. */
  costUsd(day: number, model: number, key: number): number | null;
  /** True: turns differ in their times, answers and ends, and sessions have titles, as in real life. */
  readonly varied?: boolean;
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
    // In the order of their times, as sessions are.
    for (const [no, id] of [...ids.entries()].sort(
      ([a], [b]) => ((b * 7) % shape.days) - ((a * 7) % shape.days),
    )) {
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
      if (shape.varied) yield* tables.sessions.update(id, { title: TITLES[no % TITLES.length] ?? null });
    }
  }
  // In the order of their times, as turns are.
  for (let day = shape.days - 1; day >= 0; day--) {
    let inDay = 0;
    // None begins in the future, soon after midnight either.
    const step = day === 0 ? Math.min(20_000, Math.floor((Date.now() - noon) / 100)) : 600_000;
    for (const [keyNo, { keyId, ids }] of sessions.entries()) {
      for (const [modelNo, model] of shape.models.entries()) {
        for (let turn = 0; turn < shape.turns(day, modelNo, keyNo); turn++) {
          const sessionId = ids[(day + turn) % ids.length] ?? "";
          const costUsd = shape.costUsd(day, modelNo, keyNo);
          const begun = noon - day * DAY_MS;
          const at = shape.varied ? begun + inDay++ * step : begun;
          const no = shape.varied ? day * 101 + inDay : undefined;
          yield* fillTurn(tables, { keyId, sessionId, model, at, costUsd, no });
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
  readonly costUsd: number | null;
  /** What makes it different from others. */
  readonly no: number | undefined;
}

const TITLES = [
  "Bound the retries of the importer",
  "Why is the nightly report late?",
  "Release notes for 4.2",
  "Flaky test of the cart",
  "Move the search to its own package",
  "Review: invoices as PDF",
];
const ANSWERS = [
  "The tests pass now. I moved the check before the write, so that a full disk is noticed in time.",
  "The report waits for the currency feed, which answers after 06:40 since Tuesday. I propose to start it at 07:00.",
  "I split the module in two. Nothing outside of it imports the parser any more.",
  "The total is rounded twice, once in the cart and once in the invoice. Here is the smallest change that mends it.",
];

/** The times of a turn, how it ended, and what ran it. */
function courseOf(no: number | undefined) {
  if (no === undefined) return { end: "completed" as const, durationMs: 8200, queuedMs: 0 };
  return {
    end:
      no % 37 === 5 ? ("failed" as const) : no % 53 === 9 ? ("interrupted" as const) : ("completed" as const),
    durationMs: 1800 + ((no * 7919) % 23_000) + (no % 17 === 0 ? 95_000 : 0),
    queuedMs: no % 9 === 0 ? 400 + ((no * 131) % 6000) : no % 30,
    firstTokenMs: 600 + ((no * 137) % 2400),
    process: no % 5 === 0 ? ("cold" as const) : no % 5 === 1 ? ("prewarmed" as const) : ("live" as const),
  };
}

function* fillTurn(tables: LedgerTables, { keyId, sessionId, model, at, costUsd, no }: Filled): Work<void> {
  const course = courseOf(no);
  const id = randomUUID();
  const tokens = { input: 900, output: 420, cache_read: 12_000, cache_write: 800 };
  const response = {
    session_id: sessionId,
    result: course.end === "failed" ? "" : (ANSWERS[(no ?? 0) % ANSWERS.length] ?? ""),
    success: course.end === "completed",
    duration_ms: course.durationMs,
    tokens,
    cost_usd: costUsd,
    error: course.end === "failed" ? "API Error: 529 Overloaded" : null,
  };
  const createdAt = new Date(at).toISOString();
  yield* tables.turns.begin(
    {
      id,
      sessionId,
      kind: "session",
      keyId,
      createdAt,
      route: "POST /session/:id",
      model,
      prompt: PROMPT,
    },
    { epoch: 0 },
  );
  yield* tables.turns.end(
    id,
    {
      ...course,
      response,
      usage: { tokens, costUsd, estimated: false, byModel: { [model]: { tokens, costUsd } } },
      exitCode: 0,
      model,
    },
    { at: new Date(at + course.durationMs).toISOString() },
  );
}
