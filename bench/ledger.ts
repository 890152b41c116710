import { rmSync } from "node:fs";
import type { Ledger } from "@claudeway/ports";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { ANSWER, bigShape, type Filled, fill, LAST_DAY, newTurn, outcomeOf, SMALL_SHAPE } from "./filled.js";
import { median } from "./median.js";

/*
 * The ledger's latency with a thousand and with a million turns: the same queries with results of the same
 * size. Run: node --import tsx bench/ledger.ts [turns of the big one]
 */

const SMALL = SMALL_SHAPE.turns;
const BIG = Number(process.argv[2] ?? 1_000_000);
const GOAL = 1.5;

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
  await ledger.turns.begin(turn, { epoch: 0 });
  const child = { pid: 4242, startTime: 123456, marker: "m" };
  await ledger.turns.recordUsage(turn.id, { ...outcome.usage, costUsd: null, estimated: true }, child);
  await ledger.turns.end(turn.id, outcome, { at: new Date(LAST_DAY).toISOString() });
}

const QUESTIONS: readonly Question[] = [
  { what: "overview", rounds: 500, ask: (ledger) => ledger.totals.overview() },
  { what: "keys", rounds: 500, ask: (ledger) => ledger.totals.byKey() },
  { what: "costs, 10 days", rounds: 200, ask: (ledger) => ledger.totals.costs("daily", SMALL_SHAPE.days) },
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

function toCompared(what: string, small: number, big: number): Compared {
  return { what, small: round(small), big: round(big), ratio: round(big / small, 100) };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const small = await fill(SMALL_SHAPE);
  const big = await fill(bigShape(BIG));
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
