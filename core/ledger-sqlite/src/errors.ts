import { LedgerError } from "@claudeway/ports";

export const DAMAGED = "is damaged; replace it with a backup, or move it away to start with an empty ledger";

/** SQLite's primary result codes that have a plain meaning, see https://sqlite.org/rescode.html. */
const MEANINGS: Readonly<Record<number, string>> = {
  3: "cannot be read or written by this user",
  5: "is being written to by another program",
  6: "is being written to by another program",
  8: "cannot be written: the file or its folder is read-only",
  10: "cannot be read or written: the disk reports an error",
  11: DAMAGED,
  13: "cannot be written: the disk is full",
  14: "cannot be opened: check that its folder exists and belongs to this user",
  26: DAMAGED,
};

/** Busy, locked, read-only, I/O error, full, cannot open: faults that an operator can fix while the gateway runs. */
const PASSING: ReadonlySet<number> = new Set([5, 6, 8, 10, 13, 14]);

/** Read-only, I/O error, full: faults of the disk, which clients are told of. Their meanings name no file. */
const SHOWN: ReadonlySet<number> = new Set([8, 10, 13]);

/** Converts an error of SQLite to a LedgerError that names the file. Any other error is a defect and is returned unchanged. */
export function explainSqlite(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number") return error;
  const code = error.errcode & 0xff;
  const meaning = MEANINGS[code];
  const said = meaning === undefined ? `failed: ${error.message}` : `${meaning} (SQLite: ${error.message})`;
  const shown = SHOWN.has(code) ? `the ledger ${meaning}` : undefined;
  return new LedgerError(`ledger ${file} ${said}`, { cause: error }, PASSING.has(code), shown);
}

/** The same for errors of the file system. */
export function explainFile(error: unknown, what: string): LedgerError {
  const said = error instanceof Error ? error.message : String(error);
  return new LedgerError(`ledger: cannot ${what}: ${said}`, { cause: error });
}
