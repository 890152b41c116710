import type { Dialect } from "@claudeway/ledger";

export const POSTGRES: Dialect = {
  begin: "BEGIN",
  now: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
  forUpdate: " FOR NO KEY UPDATE",
  forShare: " FOR SHARE",
  alone: true,
};

/** Of one among many gateways. Two names may have the same number: then one waits in vain, and nothing else. */
export const SHARED_POSTGRES: Dialect = {
  ...POSTGRES,
  alone: false,
  lock: "SELECT pg_advisory_xact_lock(hashtextextended(CAST(? AS TEXT), 0))",
};

/** A statement of the ledger's tables in PostgreSQL's dialect. */
export interface PostgresStatement {
  /** Statements with a name are prepared once for each connection. */
  readonly name: string;
  readonly text: string;
}

const known = new Map<string, PostgresStatement>();

/** Numbers the values, omits hints for SQLite's planner, and names the function for the greater of two values. */
export function toPostgres(sql: string): PostgresStatement {
  const before = known.get(sql);
  if (before !== undefined) return before;
  let values = 0;
  const text = sql
    .replace(/ INDEXED BY \w+/g, "")
    .replace(/\bmax\(([\w.]+), ([\w.?]+)\)/g, "greatest($1, $2)")
    .replace(/\?/g, () => `$${++values}`);
  const statement = { name: `ledger-${known.size + 1}`, text };
  known.set(sql, statement);
  return statement;
}
