import { integer, type Row } from "./rows.js";

export type SqlValue = null | number | bigint | string | Uint8Array;

/** One SQL statement, with `?` for each of its values. */
export interface Statement {
  readonly sql: string;
  readonly values: readonly SqlValue[];
  /** True: nothing waits for its result, and an error in it may be reported by a later statement. */
  readonly later?: boolean;
}

/** What a database answers to a statement. */
export interface StatementResult {
  readonly rows: readonly Row[];
  /** How many rows it changed. */
  readonly changes: number;
}

/**
 * A piece of work in the ledger: it yields statements and is given their results. So the ledger's tables are written
 * once for every database. On SQLite, which answers at once, a piece never yields. On PostgreSQL as the ledger of one gateway,
 * one piece after another is performed on one connection. In both, no piece sees another one half done. Among many gateways,
 * pieces run at once, and see each other's commits between two statements (READ COMMITTED).
 */
export type Work<T> = Generator<Statement, T, StatementResult>;

/** A database that answers at once. */
export interface SyncDatabase {
  /** Returns the number of changed rows. */
  run(sql: string, values: readonly SqlValue[]): number;
  one(sql: string, values: readonly SqlValue[]): Row | undefined;
  all(sql: string, values: readonly SqlValue[]): readonly Row[];
}

/** What databases say differently. */
export interface Dialect {
  /** The statement that begins a transaction which writes. */
  readonly begin: string;
  /** An expression for the time by the database's clock, in ms since 1970. */
  readonly now: string;
  /** Follows a SELECT in a transaction: the rows stay as they are until its end. Empty where a transaction is alone. */
  readonly forUpdate: string;
  /** Like `forUpdate`, for rows that others may read so, too. */
  readonly forShare: string;
  /** True: nothing but this process writes to the ledger, so what was read may be remembered. */
  readonly alone: boolean;
  /** A statement that waits until no other transaction has locked a name, its value. Undefined where a transaction is alone. */
  readonly lock?: string;
}

/** The statements of the ledger's tables. */
export class Sql {
  /** Only where work is performed at once. */
  #inTransaction = false;
  #writes = 0;

  /** @param sync performs the statements at once; without it, work yields them */
  constructor(
    readonly dialect: Dialect,
    private readonly sync?: SyncDatabase,
  ) {}

  /**
   * Counts every statement that may have changed a row. If nothing but this process writes to the ledger, values read at
   * one count are valid as long as the count stays the same.
   */
  get writes(): number {
    return this.#writes;
  }

  /** The time in ms since 1970; among many gateways, by the database's clock. */
  *now(): Work<number> {
    if (this.dialect.alone) return Date.now();
    const row = yield* this.one(`SELECT ${this.dialect.now} AS now`);
    return row === undefined ? Date.now() : integer(row, "now");
  }

  /** Returns the number of changed rows. */
  *run(sql: string, ...values: SqlValue[]): Work<number> {
    this.#writes += 1;
    if (this.sync !== undefined) return this.sync.run(sql, values);
    return (yield { sql, values }).changes;
  }

  /** Runs a statement whose result is not needed. In a transaction, the commit waits for it. */
  *send(sql: string, ...values: SqlValue[]): Work<void> {
    this.#writes += 1;
    if (this.sync !== undefined) this.sync.run(sql, values);
    else yield { sql, values, later: true };
  }

  *one(sql: string, ...values: SqlValue[]): Work<Row | undefined> {
    if (this.sync !== undefined) return this.sync.one(sql, values);
    return (yield { sql, values }).rows[0];
  }

  *all(sql: string, ...values: SqlValue[]): Work<readonly Row[]> {
    if (this.sync !== undefined) return this.sync.all(sql, values);
    return (yield { sql, values }).rows;
  }

  /**
   * Locks names until the end of the transaction, in one order for all. Whatever else works under one of these names waits.
   */
  *lock(names: readonly string[]): Work<void> {
    const { lock } = this.dialect;
    if (lock === undefined) return;
    for (const name of [...new Set(names)].sort()) yield* this.send(lock, name);
  }

  /** Makes a piece of work that is one statement a transaction where its outcome may have to be asked for. */
  *once<T>(work: Work<T>): Work<T> {
    return yield* this.dialect.alone ? work : this.transaction(work);
  }

  /**
   * Performs `work` in a transaction. Inside a transaction, it becomes part of that one, but only in a database that answers
   * at once.
   */
  *transaction<T>(work: Work<T>): Work<T> {
    if (this.#inTransaction) return yield* work;
    yield* this.run(this.dialect.begin);
    this.#inTransaction = this.sync !== undefined;
    try {
      const result = yield* work;
      yield* this.run("COMMIT");
      return result;
    } catch (error) {
      yield* this.#rollback();
      throw error;
    } finally {
      this.#inTransaction = false;
    }
  }

  *#rollback(): Work<void> {
    try {
      yield* this.run("ROLLBACK");
    } catch {
      // The database has already rolled back (disk full, connection lost); the first error has the reason.
    }
  }
}
