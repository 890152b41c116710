import { join } from "node:path";
import { loadSqlite, type SqliteSource } from "#ledger-sqlite/sqlite.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { ledgerContract } from "../ledger/contract.js";

/** Older versions of Node have no SQLite of their own; CI runs the newest one, too. */
const builtin = await loadSqlite("builtin").catch(() => undefined);
const SOURCES: readonly SqliteSource[] = builtin === undefined ? ["package"] : ["builtin", "package"];

for (const sqlite of SOURCES) {
  describe(`ledger in SQLite (${sqlite})`, () => {
    ledgerContract(
      ({ dataDir }) => openLedger({ dataDir, sqlite }),
      async (dataDir, ms) => {
        const { DatabaseSync } = await loadSqlite(sqlite);
        const database = new DatabaseSync(join(dataDir, "ledger.sqlite"));
        database.prepare("UPDATE idempotency SET at = at - ?").run(ms);
        database.close();
      },
    );
  });
}
