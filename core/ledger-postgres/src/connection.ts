import { type Row, type Statement, type StatementResult, toRow } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import pg from "pg";
import { toPostgres } from "./dialect.js";
import { explainPostgres, isRefusal } from "./errors.js";

/** The schema of the ledger's tables. */
const SCHEMA = "claudeway";
/** Identifies the advisory lock of the gateway that has the ledger open: "Clwy", and 1. */
const LOCK = "1131181945, 1";
const CONNECT_MS = 10_000;
const STATEMENT_MS = 60_000;

/*
 * The server ends the session of a gateway whose machine is gone within 25 s, and so releases its lock. Commits are written
 * to disk before they are confirmed, as the server is configured.
 */
const SETTINGS = `
SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
SET statement_timeout = ${STATEMENT_MS}; SET client_min_messages = warning; SET TIME ZONE 'UTC';
CREATE SCHEMA IF NOT EXISTS ${SCHEMA}; SET search_path = ${SCHEMA};`;

/** Integers of 64 bits and sums of them; all of the ledger's are within the safe range of a number. */
const INTEGERS: ReadonlySet<number> = new Set([pg.types.builtins.INT8, pg.types.builtins.NUMERIC]);
const TYPES: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => (INTEGERS.has(oid) ? Number : pg.types.getTypeParser(oid, format)),
};

/** One connection, which holds the ledger's lock. Errors are LedgerErrors that name the database. */
export class Connection {
  #isLost = false;

  private constructor(
    private readonly client: pg.Client,
    /** Host, port and name. */
    readonly database: string,
  ) {
    client.on("error", () => this.drop());
    client.on("end", () => this.drop());
  }

  /** Connects, and locks the ledger unless told otherwise. Rejects with a LedgerError, also if another gateway holds the lock. */
  static async open(url: string, { lock } = { lock: true }): Promise<Connection> {
    const client = clientOf(url);
    const connection = new Connection(client, nameOf(client));
    try {
      await client.connect();
      if (lock) {
        await client.query(SETTINGS);
        await connection.#lock();
      }
      return connection;
    } catch (error) {
      connection.drop();
      throw explainPostgres(error, connection.database);
    }
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  async perform({ sql, values }: Statement): Promise<StatementResult> {
    const { rows, rowCount } = await this.#asked({ ...toPostgres(sql), values: [...values] });
    return { rows: rows.map(toRow), changes: rowCount ?? 0 };
  }

  /** Runs statements without values; returns the rows of the last one. */
  async run(sql: string): Promise<readonly Row[]> {
    const results = [await this.#asked({ text: sql })].flat();
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
  }

  async #lock(): Promise<void> {
    const [row] = await this.run(`SELECT pg_try_advisory_lock(${LOCK}) AS locked`);
    if (row?.["locked"] !== true)
      throw new LedgerError(`ledger ${this.database} is in use by another gateway`, {}, true);
  }

  async #asked(query: pg.QueryConfig): Promise<pg.QueryResult<object>> {
    if (this.#isLost) throw new LedgerError(`ledger ${this.database} lost its connection`, {}, true);
    try {
      return await this.client.query<object>(query);
    } catch (error) {
      // A statement without an answer may still run: nothing else may follow on this connection.
      if (!isRefusal(error)) this.drop();
      throw explainPostgres(error, this.database);
    }
  }
}

/** Throws a LedgerError if the URL cannot be read; it may have a password, so it is not named. */
function clientOf(url: string): pg.Client {
  try {
    return newClient(url);
  } catch {
    throw new LedgerError("ledger: the URL of the PostgreSQL database is not valid");
  }
}

function newClient(url: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    application_name: "claudeway",
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: STATEMENT_MS + CONNECT_MS,
    keepAlive: true,
    types: TYPES,
  });
}

function nameOf({ host, port, database = "" }: pg.Client): string {
  return `${host}:${port}/${database}`;
}
