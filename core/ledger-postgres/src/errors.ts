import { LedgerError } from "@claudeway/ports";
import pg from "pg";

/**
 * Classes of SQLSTATE for faults that an operator can fix while the gateway runs, see
 * https://www.postgresql.org/docs/current/errcodes-appendix.html: connection, transaction rollback, insufficient
 * resources, operator intervention, system error, configuration file error.
 */
const PASSING: ReadonlySet<string> = new Set(["08", "40", "53", "57", "58", "F0"]);
const NUL_CHARACTER = "22021";
const DISK_FULL = "53100";

/**
 * Faults after which the same work may succeed within seconds: transaction rollback (deadlock), connection, too many
 * connections, the server stops or starts, a transaction that was idle for too long, a standby, a lock that was not free.
 */
const BRIEF = /^(40|08|53300|57P0|25P03|25006|55P03)/;

/** Whether the server refused a statement; any other error is one of the connection. */
export function isRefusal(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && error.severity !== "FATAL" && error.severity !== "PANIC";
}

/**
 * Whether a statement was prepared before a column was added to its tables, as a node of a later version does while this one runs.
 * It can't be used again on its connection. Texts of errors depend on the server's language.
 */
export function isStalePlan(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.routine === "RevalidateCachedQuery";
}

/** Whether the server chose this transaction to end a deadlock. */
export function isDeadlock(error: unknown): boolean {
  return (
    error instanceof LedgerError && error.cause instanceof pg.DatabaseError && error.cause.code === "40P01"
  );
}

/** Whether the same work may succeed within seconds. */
export function isBrief(error: unknown): boolean {
  if (!(error instanceof LedgerError) || !error.mayPass) return false;
  const { cause } = error;
  if (!(cause instanceof pg.DatabaseError)) return cause !== undefined;
  return BRIEF.test(cause.code ?? "") || isStalePlan(cause);
}

/** Converts an error of the server or of the connection to a LedgerError that names the database, never the password. */
export function explainPostgres(error: unknown, database: string): LedgerError {
  if (error instanceof LedgerError) return error;
  const said = error instanceof Error ? error.message || error.name : String(error);
  if (!(error instanceof pg.DatabaseError))
    return new LedgerError(
      `ledger ${database} cannot be reached (PostgreSQL: ${said})`,
      { cause: error },
      true,
    );
  const { code = "" } = error;
  if (code === NUL_CHARACTER)
    return new LedgerError(`ledger ${database} cannot store the character U+0000`, { cause: error });
  const meaning = code.startsWith("28") || code.startsWith("3D") ? "cannot be opened" : "failed";
  return new LedgerError(
    `ledger ${database} ${meaning} (PostgreSQL: ${said})`,
    { cause: error },
    PASSING.has(code.slice(0, 2)) || BRIEF.test(code) || isStalePlan(error),
    code === DISK_FULL ? "the ledger cannot be written: the disk is full" : undefined,
  );
}

/** The same error, as one after which the same call may succeed later. */
export function asPassing(error: unknown): unknown {
  if (!(error instanceof LedgerError) || error.mayPass) return error;
  return new LedgerError(error.message, { cause: error.cause }, true, error.shown);
}
