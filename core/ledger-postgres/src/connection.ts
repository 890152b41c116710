import { randomUUID } from "node:crypto";
import { type Row, type Statement, type StatementResult, toRow } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import pg from "pg";
import { toPostgres } from "./dialect.js";
import { explainPostgres, isRefusal, isStalePlan } from "./errors.js";

/** The schema of the ledger's tables. */
export const SCHEMA = "claudeway";
/** Identifies the advisory lock of the gateways that have the ledger open: "Clwy", and 1. */
export const LOCK = "1131181945, 1";
/** The longest delay that a timer accepts. */
const UNLIMITED_MS = 2 ** 31 - 1;

/** How long a connection may take, and a statement; and a gateway that hangs in a transaction, whose rows others wait for. */
interface Times {
  readonly connectMs: number;
  readonly statementMs: number;
  readonly idleInTransactionMs: number;
}

/** What a connection is for. `beats`: one that is not answered soon must not hold up the next. */
const TIMES: Readonly<Record<LedgerUse, Times>> = {
  alone: { connectMs: 10_000, statementMs: 60_000, idleInTransactionMs: 0 },
  look: { connectMs: 10_000, statementMs: 60_000, idleInTransactionMs: 0 },
  shared: { connectMs: 5_000, statementMs: 20_000, idleInTransactionMs: 3_000 },
  beats: { connectMs: 3_000, statementMs: 3_000, idleInTransactionMs: 3_000 },
};

/*
 * The server ends the session of a gateway whose machine is gone within 25 s, and so releases its lock. Commits are written
 * to disk before they are confirmed, as the server is configured.
 */
const SETTINGS = `
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET client_min_messages = warning; SET TIME ZONE 'UTC'; SET search_path = ${SCHEMA};`;

/** For a gateway alone, which locks the ledger; for one of many, which locks it against that; or for a look without a lock. */
export type LedgerUse = "alone" | "shared" | "beats" | "look";

/** Integers of 64 bits and sums of them; all of the ledger's are within the safe range of a number. */
const INTEGERS: ReadonlySet<number> = new Set([pg.types.builtins.INT8, pg.types.builtins.NUMERIC]);
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (INTEGERS.has(oid) ? Number : pg.types.getTypeParser(oid, format)),
};

/** One connection, which holds the ledger's lock. Errors are LedgerErrors that name the database. */
export class Connection {
  /** Of this connection among all that there ever were. */
  readonly id = randomUUID();
  #isLost = false;
  #transactions = 0;

  private constructor(
    private readonly client: pg.Client,
    /** Host, port and name. */
    readonly database: string,
  ) {
    client.on("error", () => this.drop());
    client.on("end", () => this.drop());
  }

  /** Connects, and locks the ledger. Rejects with a LedgerError, also if another gateway holds a lock against it. */
  static async open(url: string, use: LedgerUse = "alone"): Promise<Connection> {
    const client = clientOf(url, use);
    const connection = new Connection(client, nameOf(client));
    try {
      await client.connect();
      if (use !== "look") await connection.#lock(use);
      return connection;
    } catch (error) {
      connection.drop();
      throw explainPostgres(error, connection.database);
    }
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** The number of the transaction that begins, among those of this connection. */
  nextTransaction(): number {
    this.#transactions += 1;
    return this.#transactions;
  }

  async perform({ sql, values }: Statement): Promise<StatementResult> {
    const { rows, rowCount } = await this.#asked({ ...toPostgres(sql), values: [...values] });
    return { rows: rows.map(toRow), changes: rowCount ?? 0 };
  }

  /** Runs statements without values; returns the rows of the last one. `long`: without a time limit. */
  async run(sql: string, { long } = { long: false }): Promise<readonly Row[]> {
    const answer = await this.#asked({ text: sql, ...(long && { query_timeout: UNLIMITED_MS }) });
    const results = [answer].flat();
    return results.at(-1)?.rows.map(toRow) ?? [];
  }

  async close(): Promise<void> {
    this.#isLost = true;
    await this.client.end();
  }

  /** Ends the connection at once: what it was doing is of unknown outcome. */
  drop(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.client.end().catch(() => undefined);
    this.client.connection.stream.destroy();
  }

  async #lock(use: LedgerUse): Promise<void> {
    const { statementMs, idleInTransactionMs } = TIMES[use];
    const locking = use === "alone" ? "pg_try_advisory_lock" : "pg_try_advisory_lock_shared";
    const [row] = await this.run(
      `${SETTINGS} SET statement_timeout = ${statementMs};
       SET idle_in_transaction_session_timeout = ${idleInTransactionMs};
       SELECT ${locking}(${LOCK}) AS locked, pg_is_in_recovery() AS standby`,
    );
    refuseStandby(row, this.database);
    if (row?.["locked"] !== true) {
      const user = use === "alone" ? "another gateway" : "a gateway outside the cluster";
      throw new LedgerError(`ledger ${this.database} is in use by ${user}`, {}, true);
    }
  }

  async #asked(query: pg.QueryConfig): Promise<pg.QueryResult<object>> {
    if (this.#isLost)
      throw new LedgerError(
        `ledger ${this.database} lost its connection`,
        { cause: new Error("connection lost") },
        true,
      );
    try {
      return await this.client.query<object>(query);
    } catch (error) {
      // A statement without an answer may still run: nothing else may follow on this connection.
      if (!isRefusal(error) || isStalePlan(error)) this.drop();
      throw explainPostgres(error, this.database);
    }
  }
}

/** Throws a LedgerError if the URL cannot be read; it may have a password, so it is not named. */
function clientOf(url: string, use: LedgerUse): pg.Client {
  try {
    return newClient(url, use);
  } catch {
    throw new LedgerError("ledger: the URL of the PostgreSQL database is not valid");
  }
}

/** Statements of many gateways' work are sent without waiting for the ones before, where their results don't matter. */
function newClient(url: string, use: LedgerUse): pg.Client {
  const { connectMs, statementMs } = TIMES[use];
  return new pg.Client({
    connectionString: url,
    application_name: "claudeway",
    connectionTimeoutMillis: connectMs,
    query_timeout: statementMs + connectMs,
    keepAlive: true,
    pipeline: use === "shared" || use === "beats",
    types: TYPES,
  });
}

/** Throws a LedgerError if a row says of its server that it is a standby. */
export function refuseStandby(row: Row | undefined, database: string): void {
  if (row?.["standby"] === true)
    throw new LedgerError(
      `ledger ${database} is a standby, which cannot be written`,
      { cause: new Error("standby") },
      true,
    );
}

function nameOf({ host, port, database = "" }: pg.Client): string {
  return `${host}:${port}/${database}`;
}
