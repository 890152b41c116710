import { type Database, integer, type Row, type Work } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import { Connection, SCHEMA } from "./connection.js";
import { asPassing } from "./errors.js";
import { migrate } from "./migrate.js";
import { refuseCopy } from "./refuse-copy.js";
import { FOLLOW } from "./schema.js";

/** How long after a failed connection the next one is tried, in ms. */
const RETRY_MS = 1000;

/**
 * Performs the ledger's work, one piece after another, on one connection. That connection holds the ledger's lock, so no
 * other gateway writes while it works. A lost connection is made again with the next piece.
 */
export class PostgresDatabase implements Database {
  #last: Promise<unknown> = Promise.resolve();
  #failed: { readonly at: number; readonly error: unknown } | undefined;

  private constructor(
    private readonly url: string,
    private connection: Connection,
    readonly afterCrash: boolean,
    /** Counts the gateways that have opened the ledger; what this process remembers of it is of this one. */
    private readonly incarnation: number,
    private readonly forCopy: boolean,
  ) {}

  /**
   * Connects, migrates the tables, and marks the ledger as open. Rejects with a LedgerError. `forCopy`: rejects also if the
   * last gateway did not close the ledger, and a lost connection is not made again, because a copy is one transaction. The mark
   * stays as it is: an interrupted copy leaves nothing to look for, and a copy closes no ledger of a cluster.
   */
  static async open(url: string, { forCopy } = { forCopy: false }): Promise<PostgresDatabase> {
    const connection = await Connection.open(url);
    try {
      const state = await migrate(connection, SCHEMA);
      if (forCopy) await refuseCopy(connection, state);
      const open = forCopy ? "" : "is_open = true,";
      const [opened] = await connection.run(
        `UPDATE ledger SET ${open} incarnation = incarnation + 1 RETURNING incarnation`,
      );
      const afterCrash = state["is_open"] === true;
      return new PostgresDatabase(url, connection, afterCrash, incarnationOf(opened), forCopy);
    } catch (error) {
      connection.drop();
      throw error;
    }
  }

  perform<T>(work: () => Work<T>): Promise<T> {
    const performed = this.#last.then(() => this.#perform(work()));
    this.#last = performed.catch(() => undefined);
    return performed;
  }

  async check(): Promise<void> {
    await this.#afterLast((connection) => connection.run("SELECT 1"));
  }

  /** Makes the numbers of further rows follow the highest there are. */
  async follow(): Promise<void> {
    await this.#afterLast((connection) => connection.run(FOLLOW));
  }

  async close(): Promise<void> {
    try {
      if (this.forCopy) await this.#last;
      else await this.#afterLast((connection) => connection.run("UPDATE ledger SET is_open = false"));
    } finally {
      await this.connection.close();
    }
  }

  #afterLast<T>(call: (connection: Connection) => Promise<T>): Promise<T> {
    const called = this.#last.then(async () => call(await this.#connected()));
    this.#last = called.catch(() => undefined);
    return called;
  }

  async #perform<T>(work: Work<T>): Promise<T> {
    const connection = await this.#connected();
    let step = work.next();
    while (step.done !== true) {
      const answer = await connection.perform(step.value).then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      );
      step = "error" in answer ? work.throw(answer.error) : work.next(answer.result);
    }
    return step.value;
  }

  async #connected(): Promise<Connection> {
    if (!this.connection.isLost || this.forCopy) return this.connection;
    if (this.#failed !== undefined && performance.now() < this.#failed.at + RETRY_MS)
      throw this.#failed.error;
    try {
      this.connection = await this.#reconnect();
      this.#failed = undefined;
      return this.connection;
    } catch (error) {
      this.#failed = { at: performance.now(), error };
      throw error;
    }
  }

  /** Any refusal may pass: this gateway could connect before, so the reason for the refusal is new, and may be undone. */
  async #reconnect(): Promise<Connection> {
    let connection: Connection | undefined;
    try {
      connection = await Connection.open(this.url);
      const [state] = await connection.run("SELECT incarnation FROM ledger");
      if (state === undefined) throw new LedgerError(`ledger ${connection.database} has no state`);
      if (incarnationOf(state) === this.incarnation) return connection;
    } catch (error) {
      // It holds the ledger's lock, which would keep the next one out.
      connection?.drop();
      throw asPassing(error);
    }
    connection.drop();
    throw new LedgerError(
      `ledger ${connection.database} was opened by another gateway while the connection was lost: restart this one`,
      {},
      false,
      "the ledger was opened by another gateway; no new turn begins until this one is restarted",
    );
  }
}

function incarnationOf(row: Row | undefined): number {
  return row === undefined ? 0 : integer(row, "incarnation");
}
