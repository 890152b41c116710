import { type CopiedLedger, type Database, ledgerOf, ledgerTables, Sql } from "@claudeway/ledger";
import type { Ledger } from "@claudeway/ports";
import { POSTGRES, SHARED_POSTGRES } from "./dialect.js";
import { PostgresDatabase } from "./postgres-database.js";
import { SharedDatabase, type SharingOptions } from "./shared-database.js";

export interface PostgresLedgerOptions {
  /** Such as `postgres://claudeway:<password>@db.example.org:5432/claudeway`. */
  readonly url: string;
}

export interface SharedLedgerOptions extends PostgresLedgerOptions, SharingOptions {
  /** Many gateways use the ledger at once. */
  readonly shared: true;
}

/**
 * Opens the ledger for this process exclusively, or to share it with other gateways; makes its tables if they are missing.
 * Rejects with a LedgerError of one line: not reachable, in use by another gateway, or written by a newer version.
 */
export async function openPostgresLedger(
  options: (PostgresLedgerOptions & { readonly shared?: false }) | SharedLedgerOptions,
): Promise<Ledger> {
  if (options.shared === true) return openShared(options);
  const tables = ledgerTables(new Sql(POSTGRES));
  const database = await PostgresDatabase.open(options.url);
  await database.perform(() => tables.owners.alone());
  await database.perform(() => tables.idempotency.forgetUnbegun());
  return ledgerOf(tables, database);
}

async function openShared({ url, ...options }: SharedLedgerOptions): Promise<Ledger> {
  const database: Database = await SharedDatabase.open(url, options);
  return ledgerOf(ledgerTables(new Sql(SHARED_POSTGRES)), database);
}

/** Opens the ledger exclusively to copy it. Rejects like `openPostgresLedger`, also if the last gateway did not close it. */
export async function openPostgresCopy({
  url,
}: PostgresLedgerOptions): Promise<CopiedLedger & { close(): Promise<void> }> {
  const database = await PostgresDatabase.open(url, { forCopy: true });
  return {
    sql: new Sql(POSTGRES),
    perform: (work) => database.perform(() => work),
    follow: () => database.follow(),
    close: () => database.close(),
  };
}
