import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Database } from "./database.js";
import { isAlive, LEDGER_FILE, ledgerHolder } from "./lock.js";
import { refuseDamaged, refuseStump } from "./open.js";
import { refuseForeign } from "./schema.js";
import { loadSqlite } from "./sqlite.js";

/**
 * Looks at the ledger of a data folder without opening it for work; a gateway may use it meanwhile, and nothing is written.
 * Returns a description, such as `/data/ledger.sqlite, version 14`. Rejects with a LedgerError if it can't be opened.
 */
export async function findLedger(dataDir: string): Promise<string> {
  const file = join(dataDir, LEDGER_FILE);
  if (!existsSync(file) || statSync(file).size === 0) return `${file} (will be created)`;
  refuseStump(file);
  const pid = ledgerHolder(dataDir);
  // After a kill, this process may have the id that the gateway had: in a container, both have the same few.
  const inUse = pid !== undefined && pid !== process.pid && isAlive(pid);
  const database = new Database(await loadSqlite(), file, { readOnly: true });
  try {
    database.exec("PRAGMA busy_timeout = 2000");
    refuseDamaged(database, pid !== undefined && !inUse);
    const found = `${file}, version ${refuseForeign(database)}`;
    return inUse ? `${found}, in use by a gateway (pid ${pid})` : found;
  } finally {
    database.close();
  }
}
