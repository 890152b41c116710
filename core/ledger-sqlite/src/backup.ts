import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  rmSync,
} from "node:fs";
import { integer, type Row, text } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import { Database } from "./database.js";
import { DAMAGED } from "./errors.js";
import { createPrivate } from "./lock.js";
import { loadSqlite } from "./sqlite.js";

/** A small file that is stored beside the ledger. */
export interface StoredFile {
  /** The path relative to the data folder, with slashes. */
  readonly path: string;
  readonly content: Uint8Array;
}

/** The table of these files in a backup; a ledger does not have it. */
const TABLE = "backup_file";

/**
 * Writes a backup of a ledger, which may be in use, as one SQLite file that is readable by this user only. The backup is a
 * consistent snapshot and is written completely or not at all. Existing files are not replaced. Rejects with a LedgerError.
 */
export async function writeBackup(
  ledger: string,
  target: string,
  files: readonly StoredFile[],
): Promise<void> {
  if (!existsSync(ledger))
    throw new LedgerError(`ledger not found: ${ledger}; check that this is the data folder of a gateway`);
  const made = `${target}.new-${process.pid}`;
  try {
    // Created first, so that no other user can read what SQLite writes.
    createPrivate(made);
    await copyLedger(ledger, made);
    await addFiles(made, files);
    sync(made);
    putInPlace(made, target);
  } finally {
    rmSync(made, { force: true });
  }
}

/**
 * Creates a ledger from a backup. `keep` receives the files that were stored beside it, before the ledger is in place.
 * Rejects with a LedgerError if the file is not a backup, or is damaged.
 */
export async function readBackup(
  source: string,
  ledger: string,
  keep: (file: StoredFile) => void,
): Promise<void> {
  const made = `${ledger}.new-${process.pid}`;
  try {
    createPrivate(made);
    copyFileSync(source, made);
    const copy = await openChecked(made, source);
    try {
      for (const row of copy.all(`SELECT path, content FROM ${TABLE} ORDER BY path`)) keep(fileOf(row));
      copy.exec(`DROP TABLE ${TABLE}`);
    } finally {
      copy.close();
    }
    sync(made);
    putInPlace(made, ledger);
  } finally {
    rmSync(made, { force: true });
  }
}

async function copyLedger(ledger: string, made: string): Promise<void> {
  const database = new Database(await loadSqlite(), ledger);
  try {
    database.exec("PRAGMA busy_timeout = 10000");
    database.run("VACUUM INTO ?", [made]);
  } finally {
    database.close();
  }
}

async function addFiles(made: string, files: readonly StoredFile[]): Promise<void> {
  const copy = new Database(await loadSqlite(), made);
  try {
    copy.transaction(() => {
      copy.exec(`CREATE TABLE ${TABLE} (path TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT`);
      for (const { path, content } of files) copy.run(`INSERT INTO ${TABLE} VALUES (?, ?)`, [path, content]);
    });
    refuseDamaged(copy, made);
  } finally {
    copy.close();
  }
}

async function openChecked(made: string, source: string): Promise<Database> {
  const copy = new Database(await loadSqlite(), made);
  try {
    refuseDamaged(copy, source);
    const found = copy.one("SELECT count(*) AS n FROM sqlite_schema WHERE name = ?", [TABLE]);
    if (found === undefined || integer(found, "n") === 0)
      throw new LedgerError(`${source} is not a backup of a ledger`);
    return copy;
  } catch (error) {
    copy.close();
    // SQLite names the temporary copy; the operator knows the backup.
    if (!(error instanceof LedgerError)) throw error;
    const said = error.message.replaceAll(made, source);
    // What to do with a damaged ledger is not what to do with a backup.
    throw new LedgerError(
      said.replace(`ledger ${source} ${DAMAGED}`, `${source} is not a backup, or is damaged`),
    );
  }
}

function refuseDamaged(copy: Database, shown: string): void {
  const result = copy.one("PRAGMA integrity_check(1)");
  if (result !== undefined && text(result, "integrity_check") === "ok") return;
  throw new LedgerError(`ledger ${shown} ${DAMAGED}`);
}

function fileOf(row: Row): StoredFile {
  const { content } = row;
  if (!(content instanceof Uint8Array)) throw new LedgerError("a file in the backup must have content");
  return { path: text(row, "path"), content };
}

/** What file systems without hard links (CIFS, exFAT, many in user space) answer to one. */
const NO_LINKS: ReadonlySet<unknown> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** Gives a complete file its name. Unlike a rename, this never replaces a file. */
function putInPlace(made: string, target: string): void {
  try {
    linkSync(made, target);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && NO_LINKS.has(error.code))) throw error;
    // Node removes what it has written if it can't copy all of it.
    copyFileSync(made, target, constants.COPYFILE_EXCL);
    sync(target);
  }
}

function sync(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
