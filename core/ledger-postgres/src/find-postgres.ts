import { text } from "@claudeway/ledger";
import { Connection } from "./connection.js";

/**
 * Finds the database of a ledger without opening the ledger. Returns a description, such as `PostgreSQL 15.14 at
 * db.example.org:5432/claudeway`. Rejects with a LedgerError.
 */
export async function findPostgres(url: string): Promise<string> {
  const connection = await Connection.open(url, "look");
  try {
    const [row] = await connection.run("SHOW server_version");
    const version = row === undefined ? "" : text(row, "server_version").replace(/ .*/, "");
    return `PostgreSQL ${version} at ${connection.database}`;
  } finally {
    await connection.close();
  }
}
