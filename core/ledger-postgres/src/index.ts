/** PostgreSQL as the ledger of one gateway, or of many. */
export { findPostgres } from "./find-postgres.js";
export { openPostgresCopy, openPostgresLedger } from "./postgres-ledger.js";
export { readNodes } from "./read-nodes.js";
