import { statSync } from "node:fs";
import { dirname } from "node:path";
import { makeFolder } from "@claudeway/core/host";
import { integer, text } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import { Database } from "./database.js";
import { DAMAGED, explainFile } from "./errors.js";
import type { LedgerLock } from "./lock.js";
import { createPrivate, lockLedger } from "./lock.js";
import { migrate } from "./schema.js";
import type { SqliteModule } from "./sqlite.js";

/** In bytes; a larger file is checked completely only after a crash. */
const CHECK_ALWAYS_BELOW = 64 * 1024 * 1024;

/** In bytes: SQLite's page size, the minimum size of a ledger. */
const SMALLEST = 4096;

/*
 * WAL with synchronous=NORMAL: a commit is passed to the operating system before the statement returns, so it survives a
 * kill of the gateway; fsync runs at checkpoints. After a power failure, commits since the last checkpoint may be lost, but
 * the file stays consistent. With FULL, every write of every turn would block the event loop until the disk is done.
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
  /** True if the previous gateway was killed or the machine crashed. */
  readonly afterCrash: boolean;
  /** Throws a LedgerError if the opened file was removed or replaced. */
  checkFile(): void;
  /** Checkpoints, closes and unlocks. */
  close(): void;
}

/** Opens the ledger's file: creates it and its folder if they are missing, locks, checks and migrates it. */
export function openDatabase(sqlite: SqliteModule, file: string, use = { forCopy: false }): OpenedDatabase {
  const lock = prepare(sqlite, file, use);
  let database: Database | undefined;
  try {
    refuseStump(file);
    database = new Database(sqlite, file);
    database.exec(SETTINGS);
    refuseDamaged(database, lock.afterCrash);
    migrate(database);
    return closable(database, lock);
  } catch (error) {
    database?.close();
    lock.release(false);
    throw error;
  }
}

function prepare(sqlite: SqliteModule, file: string, use: { readonly forCopy: boolean }): LedgerLock {
  try {
    makeFolder(dirname(file));
    const lock = lockLedger(sqlite, file, use);
    createPrivate(file);
    return lock;
  } catch (error) {
    throw error instanceof LedgerError ? error : explainFile(error, `write to ${dirname(file)}`);
  }
}

/** SQLite treats a file shorter than a page as empty and would overwrite it. */
export function refuseStump(file: string): void {
  const { size } = statSync(file);
  if (size > 0 && size < SMALLEST)
    throw new LedgerError(`ledger ${file} ${DAMAGED} (it has only ${size} bytes)`);
}

export function refuseDamaged(database: Database, afterCrash: boolean): void {
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

/** A deleted file exists without a name until it is closed, so SQLite does not notice the deletion. */
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
 * Checkpoints the WAL and removes it, so that a closed ledger is one file. Closing the last connection would do the same,
 * but connections of the package @photostructure/sqlite stay open until their statements are garbage-collected.
 */
function leaveOneFile(database: Database): void {
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE");
  } catch {
    // Another program, perhaps a backup, reads the file. The next start uses the remaining WAL.
  }
}
