import { integer } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import type { Connection } from "./connection.js";

/** The oldest version that the tests run with. */
export const MIN_VERSION = 150_000;

/** The server's version as a number, such as 150014. */
export async function serverVersion(connection: Connection): Promise<number> {
  const [row] = await connection.run(
    "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS version",
  );
  return row === undefined ? 0 : integer(row, "version");
}

/** Rejects with a LedgerError if the server is too old for a cluster. */
export async function refuseOldServer(connection: Connection): Promise<void> {
  const version = await serverVersion(connection);
  if (version < MIN_VERSION)
    throw new LedgerError(
      `ledger ${connection.database} must be on PostgreSQL 15 or later, got ${Math.floor(version / 10_000)}`,
    );
}
