import { type CopiedLedger, ledgerOf, ledgerTables, Sql } from "@claudeway/ledger";
import type { Ledger } from "@claudeway/ports";
import { POSTGRES } from "./dialect.js";
import { PostgresDatabase } from "./postgres-database.js";

export interface PostgresLedgerOptions {
  /** Such as `postgres://claudeway:<password>@db.example.org:5432/claudeway`. */
  readonly url: string;
}

/**
 * Opens the ledger for this process exclusively; makes its tables if they are missing. Rejects with a LedgerError of one
 * line: not reachable, in use by another gateway, or written by a newer version.
 */
export async function openPostgresLedger({ url }: PostgresLedgerOptions): Promise<Ledger> {
  const database = await PostgresDatabase.open(url);
  const tables = ledgerTables(new Sql(POSTGRES));
  await database.perform(tables.idempotency.forgetUnbegun());
  return ledgerOf(tables, database);
}

/** Opens the ledger exclusively to copy it. Rejects like `openPostgresLedger`, also if the last gateway did not close it. */
export async function openPostgresCopy({
  url,
}: PostgresLedgerOptions): Promise<CopiedLedger & { close(): Promise<void> }> {
  const database = await PostgresDatabase.open(url, { forCopy: true });
  return {
    sql: new Sql(POSTGRES),
    perform: (work) => database.perform(work),
    follow: () => database.follow(),
    close: () => database.close(),
  };
}
