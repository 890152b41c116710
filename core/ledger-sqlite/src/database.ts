import { type Row, type SqlValue, type SyncDatabase, toRow, type Work } from "@claudeway/ledger";
import { explainSqlite } from "./errors.js";
import type { SqliteConnection, SqliteModule, SqliteOptions, SqliteStatement } from "./sqlite.js";

/** One connection. Statements are prepared once, rows are plain objects, and errors name the file. */
export class Database implements SyncDatabase {
  readonly #statements = new Map<string, SqliteStatement>();
  readonly #connection: SqliteConnection;

  constructor(
    sqlite: SqliteModule,
    readonly file: string,
    options: SqliteOptions = {},
  ) {
    this.#connection = this.#explaining(() => new sqlite.DatabaseSync(file, options));
  }

  /** Performs a piece of the ledger's work. It has `Sql` that this database answers, and so never yields. */
  perform<T>(work: Work<T>): T {
    const { done, value } = work.next();
    if (done !== true) throw new TypeError("ledger: work in SQLite must not wait");
    return value;
  }

  /** Runs statements without parameters and results. */
  exec(sql: string): void {
    this.#explaining(() => this.#connection.exec(sql));
  }

  run(sql: string, values: readonly SqlValue[] = []): number {
    return this.#explaining(() => Number(this.#prepared(sql).run(...values).changes));
  }

  one(sql: string, values: readonly SqlValue[] = []): Row | undefined {
    const row = this.#explaining(() => this.#prepared(sql).get(...values));
    return row === undefined ? undefined : toRow(row);
  }

  all(sql: string, values: readonly SqlValue[] = []): readonly Row[] {
    return this.#explaining(() => this.#prepared(sql).all(...values)).map(toRow);
  }

  /** Runs `work` in a transaction. */
  transaction(work: () => void): void {
    this.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.exec("COMMIT");
    } catch (error) {
      this.#rollback();
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#explaining(() => this.#connection.close());
  }

  #rollback(): void {
    try {
      this.#connection.exec("ROLLBACK");
    } catch {
      // SQLite has already rolled back (disk full, I/O error); the first error has the reason.
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
