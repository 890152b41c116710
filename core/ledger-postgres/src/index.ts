/** PostgreSQL as the ledger of one gateway. */
export { findPostgres } from "./find-postgres.js";
export { openPostgresCopy, openPostgresLedger, type PostgresLedgerOptions } from "./postgres-ledger.js";
