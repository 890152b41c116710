/** SQLite as the ledger, files as the audit log. */
export { openAudit } from "./audit-files.js";
export { readBackup, type StoredFile, writeBackup } from "./backup.js";
export { findLedger } from "./find-ledger.js";
export { gatewayOf, LEDGER_FILE, ledgerHolder, lockDataFolder } from "./lock.js";
export { openLedger, openSqliteCopy } from "./sqlite-ledger.js";
