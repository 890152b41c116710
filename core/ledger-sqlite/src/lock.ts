import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LedgerError } from "@claudeway/ports";
import { explainSqlite } from "./errors.js";
import { loadSqlite, type SqliteConnection, type SqliteModule } from "./sqlite.js";

/** The name of the ledger's file in the data folder. */
export const LEDGER_FILE = "ledger.sqlite";

/** The lock that a gateway holds while it has the ledger open. */
export interface LedgerLock {
  /** True if the previous gateway was killed or the machine crashed. */
  readonly afterCrash: boolean;
  /** @param opened false: it could not be opened, so that a crash that was before that is still to be found */
  release(opened?: boolean): void;
}

/** What names the gateway that has a data folder whose ledger is in a database. */
const GATEWAY_PID = "gateway.pid";

interface LockOptions {
  readonly forCopy?: boolean;
  /** What is locked, for the message that another gateway has it. */
  readonly locked?: string;
  /** The file that names the holder. */
  readonly pidFile?: string;
}

/**
 * Locks the ledger for this process. The lock is an uncommitted write transaction on a separate file. The operating system
 * ends it with the process, so it can never be stale. (A lock on the ledger itself would block online backups.) The pid
 * file only identifies the holder, and shows that it did not close the ledger. A copy has none: if it is interrupted, nothing was
 * written.
 */
export function lockLedger(
  sqlite: SqliteModule,
  file: string,
  { forCopy = false, locked = `ledger ${file}`, pidFile = `${file}.pid` }: LockOptions = {},
): LedgerLock {
  const lockFile = `${file}.lock`;
  createPrivate(lockFile);
  const connection = beginOnly(
    sqlite,
    lockFile,
    () => `${locked} is in use by another gateway${holder(dirname(file))}`,
  );
  const afterCrash = existsSync(pidFile);
  if (!forCopy) writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  return {
    afterCrash,
    release(opened = true) {
      if (opened || !afterCrash) rmSync(pidFile, { force: true });
      connection.close();
    },
  };
}

/**
 * Creates an empty file that only this user may read. An existing file is not even opened: closing it would release every
 * lock that this process has on it, see "POSIX advisory locks are broken" in https://sqlite.org/lockingv3.html.
 */
export function createPrivate(file: string): void {
  if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
}

/**
 * Locks a data folder whose ledger is in a database: at each start, the gateway ends the processes that an earlier one with this
 * folder left. Rejects with a LedgerError if another gateway has the folder.
 */
export async function lockDataFolder(dataDir: string): Promise<LedgerLock> {
  const options = { locked: `data_dir ${dataDir}`, pidFile: join(dataDir, GATEWAY_PID) };
  return lockLedger(await loadSqlite(), join(dataDir, LEDGER_FILE), options);
}

function beginOnly(sqlite: SqliteModule, lockFile: string, explainBusy: () => string): SqliteConnection {
  let connection: SqliteConnection | undefined;
  try {
    connection = new sqlite.DatabaseSync(lockFile);
    // No journal on disk: the journal of a killed gateway would have to be rolled back before anyone can lock.
    connection.exec("PRAGMA journal_mode = MEMORY; BEGIN IMMEDIATE");
    return connection;
  } catch (error) {
    connection?.close();
    if (isBusy(error)) throw new LedgerError(explainBusy());
    throw explainSqlite(error, lockFile);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && error.errcode === 5;
}

function holder(dataDir: string): string {
  const pid = gatewayOf(dataDir);
  return pid === undefined ? "" : ` (pid ${pid})`;
}

/** The process id of the gateway that uses this data folder, with any kind of ledger; undefined if none does, or it is unknown. */
export function gatewayOf(dataDir: string): number | undefined {
  const pids = [ledgerHolder(dataDir), readPid(join(dataDir, GATEWAY_PID))];
  return pids.find((pid) => pid !== undefined && isAlive(pid));
}

/** Whether a process runs, also one of another user. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** The process that holds the ledger of this data folder, or held it before a crash; undefined if there is none or unknown. */
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
