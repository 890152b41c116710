import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LedgerError } from "@claudeway/core/host";
import { explainSqlite } from "./errors.js";
import type { SqliteConnection, SqliteModule } from "./sqlite.js";

/** The ledger's file, in the data folder. */
export const LEDGER_FILE = "ledger.sqlite";

/** Held as long as a gateway has the ledger open. */
export interface LedgerLock {
  /** True: the gateway that had the ledger before was killed, or the machine went down. */
  readonly afterCrash: boolean;
  release(): void;
}

/**
 * Takes the ledger for this process. The lock is a write transaction on a file of its own, never committed: the
 * kernel ends it with the process, however that dies, so that it can't be stale. (A lock on the ledger itself would
 * keep an online backup out.) The pid beside it only tells who it is.
 */
export function lockLedger(sqlite: SqliteModule, file: string): LedgerLock {
  const lockFile = `${file}.lock`;
  const pidFile = `${file}.pid`;
  createPrivate(lockFile);
  const connection = beginOnly(sqlite, lockFile, pidFile, file);
  const afterCrash = existsSync(pidFile);
  writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return {
    afterCrash,
    release() {
      rmSync(pidFile, { force: true });
      connection.close();
    },
  };
}

/**
 * Makes an empty file that only this user may read. An existing one isn't even opened: closing it would let go of
 * every lock that this process has on it, see "POSIX advisory locks are broken" in https://sqlite.org/lockingv3.html.
 */
export function createPrivate(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
}

function beginOnly(sqlite: SqliteModule, lockFile: string, pidFile: string, file: string): SqliteConnection {
  let connection: SqliteConnection | undefined;
  try {
    connection = new sqlite.DatabaseSync(lockFile);
    // No journal on disk: one that a killed gateway left would have to be played back before anybody gets the lock.
    connection.exec("PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE");
    return connection;
  } catch (error) {
    connection?.close();
    if (isBusy(error)) throw new LedgerError(`ledger ${file} is in use by another gateway${holder(pidFile)}`);
    throw explainSqlite(error, lockFile);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === 5;
}

function holder(pidFile: string): string {
  const pid = readPid(pidFile);
  return pid === undefined ? "" : ` (pid ${pid})`;
}

/** The process that has, or had before a crash, the ledger in this data folder; undefined where none has, or it can't be told. */
export function ledgerHolder(dataDir: string): number | undefined {
  return readPid(join(dataDir, `${LEDGER_FILE}.pid`));
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    return undefined;
  }
}
