import { integer, type Row } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import type { Connection } from "./connection.js";
import { LEDGER_TABLE, MIGRATIONS } from "./schema.js";

/** Identifies the lock of the gateway that migrates: "Clwy", and 2. */
const LOCK = "1131181945, 2";

/**
 * Makes the tables, or migrates them to the latest version, in one transaction; other gateways that do so wait. Returns the
 * state of the ledger before. Rejects with a LedgerError if the tables are of a newer version.
 */
export async function migrate(connection: Connection, schema: string): Promise<Row> {
  await connection.run(
    `BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(${LOCK});
     CREATE SCHEMA IF NOT EXISTS ${schema}; ${LEDGER_TABLE}; INSERT INTO ledger DEFAULT VALUES ON CONFLICT DO NOTHING`,
    { long: true },
  );
  const [state] = await connection.run("SELECT version, is_open FROM ledger");
  if (state === undefined) throw new LedgerError(`ledger ${connection.database} has no state`);
  const version = integer(state, "version");
  if (version > MIGRATIONS.length)
    throw new LedgerError(
      `ledger ${connection.database} was written by a newer Claudeway (version ${version}; this one supports up to ` +
        `${MIGRATIONS.length}): upgrade`,
    );
  const steps = MIGRATIONS.slice(version).map((step) => `${step};`);
  const noted = steps.length > 0 ? `UPDATE ledger SET version = ${MIGRATIONS.length};` : "";
  await connection.run(`${steps.join("")} ${noted} COMMIT`, { long: true });
  return state;
}
