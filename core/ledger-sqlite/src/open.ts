import { statSync } from "node:fs";
import { dirname } from "node:path";
import { LedgerError, makeFolder } from "@claudeway/core/host";
import { Database } from "./database.js";
import { DAMAGED, explainFile } from "./errors.js";
import type { LedgerLock } from "./lock.js";
import { createPrivate, lockLedger } from "./lock.js";
import { integer, text } from "./rows.js";
import { migrate } from "./schema.js";
import type { SqliteModule } from "./sqlite.js";

/** Bytes; a bigger file is read through only after a crash. */
const CHECK_ALWAYS_BELOW = 64 * 1024 * 1024;

/** Bytes: SQLite's page, the least that it ever writes of a ledger. */
const SMALLEST = 4096;

/*
 * WAL with synchronous=NORMAL: a commit is in the operating system's hands before the statement returns, so that it
 * outlives a kill of the gateway; fsync comes with the checkpoints. When the machine loses power, the last commits
 * (at most since the last checkpoint) may be gone, the file stays whole. FULL would have every write of every turn
 * wait for the disk, with the event loop waiting too.
 */
const SETTINGS = `
PRAGMA busy_timeout = 2000;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA foreign_keys = ON;
PRAGMA cache_size = -32768;
PRAGMA temp_store = MEMORY;
PRAGMA journal_size_limit = 67108864;
`;

export interface OpenedDatabase {
  readonly database: Database;
  /** True: the gateway that had it before was killed, or the machine went down. */
  readonly afterCrash: boolean;
  /** Throws a LedgerError where the file that was opened is no longer in its place. */
  checkFile(): void;
  /** Checkpoints, closes and unlocks. */
  close(): void;
}

/** Opens the ledger's file, making it and its folder where they are missing; checked, migrated, and ours alone. */
export function openDatabase(sqlite: SqliteModule, file: string): OpenedDatabase {
  const lock = prepare(sqlite, file);
  let database: Database | undefined;
  try {
    refuseStump(file);
    database = new Database(sqlite, file);
    database.exec(SETTINGS);
    check(database, lock.afterCrash);
    migrate(database);
    return closable(database, lock);
  } catch (error) {
    database?.close();
    lock.release();
    throw error;
  }
}

function prepare(sqlite: SqliteModule, file: string): LedgerLock {
  try {
    makeFolder(dirname(file));
    const lock = lockLedger(sqlite, file);
    createPrivate(file);
    return lock;
  } catch (error) {
    throw error instanceof LedgerError ? error : explainFile(error, `write to ${dirname(file)}`);
  }
}

/** SQLite takes a file that is shorter than a page for an empty one, and would start anew in it. */
function refuseStump(file: string): void {
  const { size } = statSync(file);
  if (size > 0 && size < SMALLEST)
    throw new LedgerError(`ledger ${file} ${DAMAGED} (it has ${size} bytes only)`);
}

function check(database: Database, afterCrash: boolean): void {
  const size = database.one(
    "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size",
  );
  if (size === undefined || (integer(size, "bytes") > CHECK_ALWAYS_BELOW && !afterCrash)) return;
  const result = database.one("PRAGMA quick_check(1)");
  const said = result === undefined ? "no answer" : text(result, "quick_check");
  if (said !== "ok") {
    throw new LedgerError(`ledger ${database.file} ${DAMAGED} (SQLite: ${said.replaceAll("\n", " ")})`);
  }
}

function closable(database: Database, lock: LedgerLock): OpenedDatabase {
  return {
    database,
    afterCrash: lock.afterCrash,
    checkFile: fileCheck(database.file),
    close() {
      try {
        leaveOneFile(database);
      } finally {
        database.close();
        lock.release();
      }
    },
  };
}

/** Deleting a file that is open keeps it, without a name, until it is closed: SQLite goes on as if nothing had happened. */
function fileCheck(file: string): () => void {
  const { dev, ino } = statSync(file);
  return () => {
    const now = statSync(file, { throwIfNoEntry: false });
    if (now === undefined) throw new LedgerError(`ledger ${file} was removed while it was open`);
    if (now.ino !== ino || now.dev !== dev)
      throw new LedgerError(`ledger ${file} was replaced by another file while it was open`);
  };
}

/**
 * Brings all of the WAL into the ledger's own file and removes it, so that a ledger at rest is one file. The last close
 * would do so too, but the package's connections stay until their statements are collected.
 */
function leaveOneFile(database: Database): void {
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE");
  } catch {
    // Somebody else reads the file, a backup perhaps: the next opener finds the WAL and goes on with it.
  }
}
