import { LedgerError } from "@claudeway/ports";
import { integer, type Row } from "./rows.js";
import type { Sql, SqlValue, Work } from "./sql.js";

/** Rows that are read, and then written, at once. */
const BATCH = 2000;

/** The tables in an order in which each row's references are written before it, and what their rows are read in the order of. */
const TABLES: Readonly<Record<string, string>> = {
  sessions: "seq",
  session_counts: "key_id, model",
  task_counts: "key_id",
  session_models: "session_seq, model",
  session_metadata: "name, value, session_seq",
  turns: "seq",
  turn_responses: "turn_seq",
  totals: "grain, period, key_id, model",
  price_samples: "model, slot",
  idempotency: "key_id, route, idempotency_key",
  approvals: "seq",
  grants: "seq",
  plugin_store: "version",
  quota_counters: `plugin, name, subject, "window", measure, period`,
  quota_reservations: `turn_id, plugin, name, subject, "window", measure`,
  nodes: "node",
  counters: "name",
  singletons: "name",
  secrets: "name",
  transcripts: "conversation, seq",
  key_places: "id",
};

const MONEY: ReadonlySet<string> = new Set([
  "sessions",
  "session_models",
  "turns",
  "totals",
  "price_samples",
]);

/** A ledger that nothing else uses while it is copied. */
export interface CopiedLedger {
  readonly sql: Sql;
  perform<T>(work: Work<T>): Promise<T>;
  /** Makes the numbers of further rows follow those of the rows that were written with their numbers. */
  readonly follow?: (() => Promise<void>) | undefined;
}

export interface CopiedTable {
  readonly table: string;
  readonly rows: number;
}

/**
 * Copies every row of a ledger into another one, which must be empty, and compares the numbers of rows and the sums of
 * money before it commits. Rejects with a LedgerError; nothing has then been written.
 */
export async function copyLedger(from: CopiedLedger, to: CopiedLedger): Promise<readonly CopiedTable[]> {
  await to.perform(to.sql.run("BEGIN"));
  try {
    const copied = await copyTables(from, to);
    await keepVersions(from, to);
    await to.perform(to.sql.run("COMMIT"));
    return copied;
  } catch (error) {
    await to.perform(to.sql.run("ROLLBACK")).catch(() => 0);
    throw error;
  }
}

async function copyTables(from: CopiedLedger, to: CopiedLedger): Promise<readonly CopiedTable[]> {
  const copied: CopiedTable[] = [];
  for (const table of Object.keys(TABLES)) {
    if ((await sumsOf(to, table)).rows > 0)
      throw new LedgerError(`ledger: table ${table} of the target must be empty`);
    for (let offset = 0; ; offset += BATCH) {
      const rows = await from.perform(
        from.sql.all(`SELECT * FROM ${table} ORDER BY ${TABLES[table]} LIMIT ? OFFSET ?`, BATCH, offset),
      );
      await to.perform(insert(to.sql, table, rows));
      if (rows.length < BATCH) break;
    }
    const [before, after] = [await sumsOf(from, table), await sumsOf(to, table)];
    if (before.rows !== after.rows || before.costNano !== after.costNano)
      throw new LedgerError(`ledger: the copy of table ${table} differs from the original`);
    copied.push({ table, rows: after.rows });
  }
  return copied;
}

function* insert(sql: Sql, table: string, rows: readonly Row[]): Work<void> {
  for (const row of rows) {
    const columns = Object.keys(row).map((name) => `"${name}"`);
    const marks = columns.map(() => "?").join(", ");
    yield* sql.run(
      `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`,
      ...Object.values(row).map(toSqlValue),
    );
  }
}

/** A version of an entry is never used again, also after the entry was deleted: the last one may not be in a row. */
async function keepVersions(from: CopiedLedger, to: CopiedLedger): Promise<void> {
  const last = await from.perform(lastVersion(from.sql));
  await to.perform(
    to.sql.run("INSERT INTO plugin_store (version, plugin, key, json) VALUES (?, '', '', '')", last),
  );
  await to.follow?.();
  await to.perform(to.sql.run("DELETE FROM plugin_store WHERE plugin = ''"));
}

function* lastVersion(sql: Sql): Work<number> {
  const row = yield* sql.one(
    "INSERT INTO plugin_store (plugin, key, json) VALUES ('', '', '') RETURNING version",
  );
  yield* sql.run("DELETE FROM plugin_store WHERE plugin = ''");
  return row === undefined ? 0 : integer(row, "version");
}

async function sumsOf(
  { sql, perform }: CopiedLedger,
  table: string,
): Promise<{ readonly rows: number; readonly costNano: number }> {
  const money = MONEY.has(table) ? "coalesce(sum(cost_nano), 0)" : "0";
  const row = await perform(sql.one(`SELECT count(*) AS rows, ${money} AS cost_nano FROM ${table}`));
  return row === undefined
    ? { rows: 0, costNano: 0 }
    : { rows: integer(row, "rows"), costNano: integer(row, "cost_nano") };
}

function toSqlValue(value: unknown): SqlValue {
  if (value === null || typeof value === "number" || typeof value === "string") return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`ledger: cannot copy a value of type ${typeof value}`);
}
