/** What a ledger in an SQL database is made of: tables whose work any database can perform. */
export { type CopiedLedger, copyLedger } from "./copy.js";
export { nanoOf } from "./money.js";
export { hex, instant, integer, maybeInteger, type Row, text, toRow } from "./rows.js";
export {
  type Dialect,
  Sql,
  type SqlValue,
  type Statement,
  type StatementResult,
  type SyncDatabase,
  type Work,
} from "./sql.js";
export { BEATS, type Database, ledgerOf } from "./sql-ledger.js";
export { type LedgerTables, ledgerTables } from "./tables.js";
