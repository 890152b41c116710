import { LedgerError } from "@claudeway/core/host";

/*
 * The `node:sqlite` interface, as narrow as the ledger needs it. Node's own module implements it, and for Nodes that
 * don't have that one yet, the package @photostructure/sqlite. Both write the same files.
 */

export type SqlValue = null | number | bigint | string | Uint8Array;

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

export interface SqliteModule {
  readonly DatabaseSync: new (path: string) => SqliteConnection;
}

/** Which implementation: "auto" takes Node's own where it is there. */
export type SqliteSource = "auto" | "builtin" | "package";

/** Loads SQLite. `CLAUDEWAY_SQLITE` (builtin, package) decides where the caller leaves it to "auto". */
export async function loadSqlite(source: SqliteSource = "auto"): Promise<SqliteModule> {
  const wanted = source === "auto" ? sourceFromEnvironment() : source;
  // Undefined where Node has no such module, or (22.5 to 22.12) hides it behind a flag.
  const builtin = wanted === "package" ? undefined : process.getBuiltinModule("node:sqlite");
  if (isSqliteModule(builtin)) return builtin;
  if (wanted === "builtin") throw new LedgerError(`Node ${process.version} has no built-in SQLite`);
  packaged ??= import("@photostructure/sqlite");
  return packaged;
}

/** Found once: to look for it again, the folder of the packages has to be readable still. */
let packaged: Promise<SqliteModule> | undefined;

function sourceFromEnvironment(): SqliteSource {
  const { CLAUDEWAY_SQLITE: value } = process.env;
  if (value === undefined || value === "" || value === "auto") return "auto";
  if (value === "builtin" || value === "package") return value;
  throw new LedgerError(`CLAUDEWAY_SQLITE is ${JSON.stringify(value)}; it takes auto, builtin or package`);
}

function isSqliteModule(value: unknown): value is SqliteModule {
  return typeof value === "object" && value !== null && "DatabaseSync" in value;
}
