import { ConfigError, type LoadedConfig } from "@claudeway/config";
import { copyLedger } from "@claudeway/ledger";
import { openSqliteCopy } from "@claudeway/ledger-sqlite";
import { databaseUrl } from "./database-url.js";

/**
 * `claudeway copy-ledger <postgres|sqlite>`: copies the ledger between the data folder and its database. The other one must be
 * empty, and no gateway may use either. Returns the lines to print.
 */
export async function copyLedgerTo({ config, args: [target = ""] }: LoadedConfig): Promise<string> {
  const { data_dir: dataDir } = config;
  const url = databaseUrl(config);
  if (url === undefined)
    throw new ConfigError(
      "copy-ledger: ledger_url must be set, in the environment (LEDGER_URL) or the file, or [cluster] url",
    );
  const { openPostgresCopy } = await import("@claudeway/ledger-postgres");
  const file = await openSqliteCopy({ dataDir });
  try {
    const database = await openPostgresCopy({ url });
    try {
      const [from, to] = target === "postgres" ? [file, database] : [database, file];
      const tables = await copyLedger(from, to);
      return tables.map(({ table, rows }) => `${table}: ${rows} rows\n`).join("");
    } finally {
      await database.close();
    }
  } finally {
    await file.close();
  }
}
