import { integer, maybeInteger, type Row } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import type { Connection } from "./connection.js";
import { isDeadlock } from "./errors.js";
import { LEDGER_TABLE, MIGRATIONS, NEEDS } from "./schema.js";

/** Identifies the lock of the gateway that migrates: "Clwy", and 2. */
const LOCK = "1131181945, 2";

/** A step locks whole tables, one after another, which transactions of nodes at work lock in other orders. */
const ATTEMPTS = 10;

/**
 * Makes the tables, or migrates them to the latest version, in one transaction; other gateways that do so wait. Returns the
 * state of the ledger before. Tables of a newer version stay as they are; rejects with a LedgerError if this one can't work with
 * them.
 */
export async function migrate(connection: Connection, schema: string): Promise<Row> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await migrateAtOnce(connection, schema);
    } catch (error) {
      if (!isDeadlock(error) || attempt === ATTEMPTS) throw error;
      await connection.run("ROLLBACK");
    }
  }
}

async function migrateAtOnce(connection: Connection, schema: string): Promise<Row> {
  await connection.run(
    `BEGIN; SET LOCAL statement_timeout = 0; SELECT pg_advisory_xact_lock(${LOCK});
     CREATE SCHEMA IF NOT EXISTS ${schema}; ${LEDGER_TABLE}; INSERT INTO ledger DEFAULT VALUES ON CONFLICT DO NOTHING`,
    { long: true },
  );
  const [state] = await connection.run("SELECT * FROM ledger");
  if (state === undefined) throw new LedgerError(`ledger ${connection.database} has no state`);
  refuseNewer(state, connection.database);
  const version = integer(state, "version");
  const steps = MIGRATIONS.slice(version).map((step) => `${step};`);
  const noted = steps.length > 0 ? `UPDATE ledger SET version = ${MIGRATIONS.length}, needs = ${NEEDS};` : "";
  await connection.run(`${steps.join("")} ${noted} COMMIT`, { long: true });
  return state;
}

/** Throws a LedgerError if tables of a newer version lack what this one uses. */
export function refuseNewer(state: Row, database: string): void {
  const version = integer(state, "version");
  // Tables of an earlier version have no such column.
  const needs = maybeInteger({ needs: null, ...state }, "needs") ?? version;
  if (needs > MIGRATIONS.length)
    throw new LedgerError(
      `ledger ${database} was written by a newer Claudeway (version ${version}; this one supports up to ` +
        `${MIGRATIONS.length}): upgrade`,
    );
}

/** Whether the tables may have columns that this version does not know. */
export function isNewer(state: Row): boolean {
  return integer(state, "version") > MIGRATIONS.length;
}
