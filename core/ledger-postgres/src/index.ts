/** PostgreSQL as the ledger of one gateway, or of many. */
export { findPostgres } from "./find-postgres.js";
export {
  openPostgresCopy,
  openPostgresLedger,
  type PostgresLedgerOptions,
  type SharedLedgerOptions,
} from "./postgres-ledger.js";
