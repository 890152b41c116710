/** PostgreSQL as the ledger of one gateway. */
export { findPostgres } from "./find-postgres.js";
export { openPostgresLedger, type PostgresLedgerOptions } from "./postgres-ledger.js";
