import { text } from "@claudeway/ledger";
import { Connection, LOCK, refuseStandby, SCHEMA } from "./connection.js";
import { refuseNewer } from "./migrate.js";
import { MIN_VERSION, refuseOldServer, serverVersion } from "./server-version.js";

/** `lock`: how the ledger is locked, in this database only; null if no gateway has it open. */
const LOOK = `
SELECT current_setting('server_version') AS server_version, pg_is_in_recovery() AS standby,
  to_regclass('${SCHEMA}.ledger') IS NOT NULL AS made,
  (SELECT min(mode) FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND (classid, objid, objsubid) = (${LOCK}, 2) AND granted
      AND datname = current_database()) AS lock`;

/**
 * Looks at the database of a ledger without opening the ledger: nothing is written, and gateways may use it meanwhile. Returns
 * a description, such as `PostgreSQL 15.14 at db.example.org:5432/claudeway, in use by a gateway`. Rejects with a LedgerError if
 * a gateway alone, or one of many, can't open it.
 */
export async function findPostgres(url: string, use: "alone" | "shared"): Promise<string> {
  const connection = await Connection.open(url, "look");
  try {
    const [row = {}] = await connection.run(LOOK);
    refuseStandby(row, connection.database);
    if (use === "shared") await refuseOldServer(connection);
    const [state] = row["made"] === true ? await connection.run(`SELECT * FROM ${SCHEMA}.ledger`) : [];
    if (state !== undefined) refuseNewer(state, connection.database);
    const version = text(row, "server_version").replace(/ .*/, "");
    const old = (await serverVersion(connection)) < MIN_VERSION ? "; versions before 15 are not tested" : "";
    return `PostgreSQL ${version} at ${connection.database}${userOf(row["lock"])}${old}`;
  } finally {
    await connection.close();
  }
}

function userOf(lock: unknown): string {
  if (lock === "ExclusiveLock") return ", in use by a gateway";
  return lock === "ShareLock" ? ", in use by a cluster" : "";
}
