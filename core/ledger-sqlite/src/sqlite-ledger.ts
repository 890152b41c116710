import { join } from "node:path";
import { type CopiedLedger, type LedgerTables, ledgerOf, ledgerTables, Sql } from "@claudeway/ledger";
import { type Ledger, LedgerError } from "@claudeway/ports";
import { LEDGER_FILE, ledgerHolder } from "./lock.js";
import { type OpenedDatabase, openDatabase } from "./open.js";
import { loadSqlite, type SqliteSource } from "./sqlite.js";
import { SQLITE } from "./sqlite-dialect.js";

export interface LedgerOptions {
  /** The folder of `ledger.sqlite`; created with mode 0700 if missing. */
  readonly dataDir: string;
  /** For tests: the implementation of SQLite (default: Node's own if available). */
  readonly sqlite?: SqliteSource;
}

/** An open ledger's file, its tables, and the statements that they share. */
export interface OpenedTables extends OpenedDatabase {
  readonly sql: Sql;
  readonly tables: LedgerTables;
}

/** Opens the tables for work that a caller performs by itself, such as a benchmark's many turns in one transaction. */
export async function openTables(
  { dataDir, sqlite }: LedgerOptions,
  use = { forCopy: false },
): Promise<OpenedTables> {
  const opened = openDatabase(await loadSqlite(sqlite), join(dataDir, LEDGER_FILE), use);
  const sql = new Sql(SQLITE, opened.database);
  return { ...opened, sql, tables: ledgerTables(sql) };
}

/**
 * Opens the ledger for this process exclusively. Rejects with a LedgerError of one line: in use by another gateway, damaged,
 * written by a newer version, or in a folder that is not writable.
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { database, afterCrash, checkFile, close, tables } = await openTables(options);
  database.perform(tables.owners.alone());
  database.perform(tables.idempotency.forgetUnbegun());
  return ledgerOf(tables, {
    afterCrash,
    // A piece of work is performed when it is called, not after a pause: callers rely on their order.
    perform: async (work) => database.perform(work()),
    check: async () => checkFile(),
    close: async () => close(),
  });
}

/** Opens the ledger exclusively to copy it. Rejects like `openLedger`, also if the last gateway did not close it. */
export async function openSqliteCopy(
  options: LedgerOptions,
): Promise<CopiedLedger & { close(): Promise<void> }> {
  const file = join(options.dataDir, LEDGER_FILE);
  if (ledgerHolder(options.dataDir) !== undefined)
    throw new LedgerError(
      `ledger ${file} is in use or was not closed: stop the gateway, or start and stop it once`,
    );
  const { sql, database, close } = await openTables(options, { forCopy: true });
  return { sql, perform: async (work) => database.perform(work), close: async () => close() };
}
