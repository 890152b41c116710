import { explainSqlite } from "./errors.js";
import type { Row } from "./rows.js";
import { toRow } from "./rows.js";
import type { SqliteConnection, SqliteModule, SqliteStatement, SqlValue } from "./sqlite.js";

/** One connection. Statements are prepared once, rows are plain objects, and errors name the file. */
export class Database {
  readonly #statements = new Map<string, SqliteStatement>();
  readonly #connection: SqliteConnection;
  #inTransaction = false;
  #writes = 0;

  constructor(
    sqlite: SqliteModule,
    readonly file: string,
  ) {
    this.#connection = this.#explaining(() => new sqlite.DatabaseSync(file));
  }

  /**
   * Counts every operation that may have changed a row. No other process writes to the file, so values read at one count are
   * valid as long as the count stays the same.
   */
  get writes(): number {
    return this.#writes;
  }

  /** Runs statements without parameters and results. */
  exec(sql: string): void {
    this.#writes += 1;
    this.#explaining(() => this.#connection.exec(sql));
  }

  /** Returns the number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number {
    this.#writes += 1;
    return this.#explaining(() => Number(this.#prepared(sql).run(...values).changes));
  }

  one(sql: string, ...values: SqlValue[]): Row | undefined {
    const row = this.#explaining(() => this.#prepared(sql).get(...values));
    return row === undefined ? undefined : toRow(row);
  }

  all(sql: string, ...values: SqlValue[]): Row[] {
    return this.#explaining(() => this.#prepared(sql).all(...values)).map(toRow);
  }

  /** Runs `work` in a transaction. Inside a transaction, `work` becomes part of it. */
  transaction<T>(work: () => T): T {
    if (this.#inTransaction) return work();
    this.run("BEGIN IMMEDIATE");
    this.#inTransaction = true;
    try {
      const result = work();
      this.run("COMMIT");
      return result;
    } catch (error) {
      this.#rollback();
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#explaining(() => this.#connection.close());
  }

  #rollback(): void {
    this.#writes += 1;
    try {
      this.#connection.exec("ROLLBACK");
    } catch {
      // SQLite has already rolled back (disk full, I/O error); the error of `work` has the reason.
    }
  }

  #prepared(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#connection.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #explaining<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw explainSqlite(error, this.file);
    }
  }
}
