import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ledger } from "@claudeway/ports";
import pg from "pg";
import { openPostgresLedger } from "#ledger-postgres/postgres-ledger.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { newSession, newTurn, outcome, tokens, usageOf } from "../test/ledger/fixture.js";
import { startPostgres } from "../test/postgres.js";

/*
 * Turns a second of the ledger alone, in SQLite and in PostgreSQL with durable commits, for one gateway and for two that
 * share it; on one key, whose totals all turns change, and on as many keys as writers. Also the transactions and the
 * write-ahead log of a turn. Run: node --import tsx bench/ledger-postgres.ts [seconds of each measurement]
 */

const MEASURED_MS = Number(process.argv[2] ?? 4) * 1000;
const WRITERS = [1, 8, 32];

interface Opened {
  readonly ledgers: readonly Ledger[];
  close(): Promise<void>;
}

interface Measured {
  readonly turnsPerSecond: number;
  readonly turns: number;
}

async function writeTurn(ledger: Ledger, session: ReturnType<typeof newSession>): Promise<void> {
  const turn = newTurn(session);
  const usage = usageOf("sonnet", tokens(10, 20), 0.001);
  await ledger.turns.begin(turn, { epoch: 0 });
  const noted = ledger.turns.recordUsage(turn.id, usage, { pid: 1, startTime: 2, marker: "m" });
  await ledger.turns.end(turn.id, outcome(turn, usage), { at: turn.createdAt });
  await noted;
}

/** All writers write turns at once, each in a session of its own, spread over the ledgers. */
async function measure(
  ledgers: readonly Ledger[],
  writers: number,
  keyOf: (writer: number) => string,
): Promise<Measured> {
  let turns = 0;
  const sessions = await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const ledger = ledgers[writer % ledgers.length];
      if (ledger === undefined) throw new Error("a ledger must be open");
      const session = newSession({ keyId: keyOf(writer) });
      await ledger.sessions.create(session);
      await writeTurn(ledger, session);
      return { ledger, session };
    }),
  );
  const started = performance.now();
  await Promise.all(
    sessions.map(async ({ ledger, session }) => {
      for (; performance.now() - started < MEASURED_MS; turns++) await writeTurn(ledger, session);
    }),
  );
  return { turns, turnsPerSecond: turns / ((performance.now() - started) / 1000) };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function report(what: string, open: () => Promise<Opened>): Promise<void> {
  const cells: string[] = [];
  for (const writers of WRITERS)
    for (const keyOf of [() => "one", (writer: number) => `key ${writer}`]) {
      const { ledgers, close } = await open();
      const { turnsPerSecond } = await measure(ledgers, writers, keyOf);
      await close();
      cells.push(turnsPerSecond.toFixed(0).padStart(9));
    }
  print(`${what.padEnd(36)}${cells.join("")}`);
}

async function openSqlite(): Promise<Opened> {
  const folder = mkdtempSync(join(tmpdir(), "claudeway-bench-"));
  const ledger = await openLedger({ dataDir: folder });
  return {
    ledgers: [ledger],
    async close() {
      await ledger.close();
      rmSync(folder, { recursive: true });
    },
  };
}

async function openPostgres(url: string, gateways: number): Promise<Opened> {
  const ledgers =
    gateways === 0
      ? [await openPostgresLedger({ url })]
      : await Promise.all(
          Array.from({ length: gateways }, () => openPostgresLedger({ url, shared: true, connections: 8 })),
        );
  return {
    ledgers,
    async close() {
      for (const ledger of ledgers) await ledger.close();
    },
  };
}

/** What a turn costs the server, with one writer. */
async function costOfTurn(url: string): Promise<string> {
  const { ledgers, close } = await openPostgres(url, 1);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const read = async () => {
    const { rows } = await client.query(
      `SELECT pg_stat_clear_snapshot(), pg_current_wal_lsn() - '0/0' AS wal,
         (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS commits`,
    );
    return { wal: Number(rows[0].wal), commits: Number(rows[0].commits) };
  };
  // The server's statistics come about a second later.
  const settled = () => new Promise((resolve) => setTimeout(resolve, 2000));
  const session = newSession();
  await ledgers[0]?.sessions.create(session);
  await settled();
  const before = await read();
  const TURNS = 200;
  for (let turn = 0; turn < TURNS; turn++) if (ledgers[0] !== undefined) await writeTurn(ledgers[0], session);
  await settled();
  const after = await read();
  await client.end();
  await close();
  const commits = (after.commits - before.commits - 2) / TURNS;
  return `${commits.toFixed(1)} transactions, ${((after.wal - before.wal) / TURNS / 1000).toFixed(1)} kB of write-ahead log a turn`;
}

async function main(): Promise<void> {
  const server = await startPostgres({ durable: true });
  try {
    const heads = WRITERS.flatMap((writers) => [`${writers}, 1 key`, `${writers} keys`]);
    print(`${"turns/s, by writers".padEnd(36)}${heads.map((head) => head.padStart(9)).join("")}`);
    await report("SQLite", openSqlite);
    const url = () => server.urlOf(randomUUID());
    await report("PostgreSQL, one gateway alone", async () => openPostgres(await url(), 0));
    await report("PostgreSQL, shared, one gateway", async () => openPostgres(await url(), 1));
    await report("PostgreSQL, shared, two gateways", async () => openPostgres(await url(), 2));
    print(`PostgreSQL, shared: ${await costOfTurn(await url())}`);
  } finally {
    await server.close();
  }
}

await main();
