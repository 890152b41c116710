import { join } from "node:path";
import { loadSqlite, type SqliteSource } from "#ledger-sqlite/sqlite.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { ledgerContract } from "../ledger/contract.js";

const SOURCES: readonly SqliteSource[] = ["builtin", "package"];

for (const sqlite of SOURCES) {
  describe(`ledger in SQLite (${sqlite})`, () => {
    before(async function () {
      // Older versions of Node have none of their own.
      if (sqlite === "builtin") await loadSqlite(sqlite).catch(() => this.skip());
    });

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
