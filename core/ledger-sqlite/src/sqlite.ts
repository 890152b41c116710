import type { SqlValue } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";

/*
 * The part of the `node:sqlite` interface that the ledger uses. Node's own module implements it; for versions of Node
 * without it, the package @photostructure/sqlite does. Both use the same file format.
 */

export interface SqliteStatement {
  run(...values: SqlValue[]): { readonly changes: number | bigint };
  get(...values: SqlValue[]): unknown;
  all(...values: SqlValue[]): unknown[];
}

export interface SqliteConnection {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteOptions {
  readonly readOnly?: boolean;
}

export interface SqliteModule {
  readonly DatabaseSync: new (path: string, options?: SqliteOptions) => SqliteConnection;
}

/** The implementation of SQLite; "auto" uses Node's own if available. */
export type SqliteSource = "auto" | "builtin" | "package";

/** Loads SQLite. If the caller passes "auto", `CLAUDEWAY_SQLITE` (builtin, package) decides. */
export async function loadSqlite(source: SqliteSource = "auto"): Promise<SqliteModule> {
  const wanted = source === "auto" ? sourceFromEnvironment() : source;
  // Undefined if Node has no such module, or (22.5 to 22.12) requires a flag.
  const builtin = wanted === "package" ? undefined : process.getBuiltinModule("node:sqlite");
  if (isSqliteModule(builtin)) return builtin;
  if (wanted === "builtin") throw new LedgerError(`Node ${process.version} has no built-in SQLite`);
  packaged ??= import("@photostructure/sqlite");
  return packaged;
}

/** Resolved once: a later lookup would need the package folder to be still readable. */
let packaged: Promise<SqliteModule> | undefined;

function sourceFromEnvironment(): SqliteSource {
  const { CLAUDEWAY_SQLITE: value } = process.env;
  if (value === undefined || value === "" || value === "auto") return "auto";
  if (value === "builtin" || value === "package") return value;
  throw new LedgerError(`CLAUDEWAY_SQLITE must be auto, builtin or package, got ${JSON.stringify(value)}`);
}

function isSqliteModule(value: unknown): value is SqliteModule {
  return typeof value === "object" && value !== null && "DatabaseSync" in value;
}
