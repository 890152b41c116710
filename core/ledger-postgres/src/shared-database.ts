import { BEATS, type Database, integer, type Work } from "@claudeway/ledger";
import { CommitInDoubt, LedgerError } from "@claudeway/ports";
import { Connection, SCHEMA } from "./connection.js";
import { POSTGRES } from "./dialect.js";
import { asPassing, isBrief } from "./errors.js";
import { migrate } from "./migrate.js";
import { Patience } from "./patience.js";
import { type LostTransaction, Piece } from "./piece.js";
import { Pool } from "./pool.js";
import { refuseOldServer } from "./server-version.js";

/** Notes of connections that ended long ago. */
const FORGET_COMMITS = `DELETE FROM commits WHERE at < ${POSTGRES.now} - 86400000`;
const CONNECTIONS = 8;
const REPEAT_MS = 20_000;

export interface SharingOptions {
  /** How many connections this gateway may have (default 8). */
  readonly connections?: number | undefined;
  /** How long work is repeated while the database is away, in ms (default 20,000). */
  readonly repeatMs?: number | undefined;
  /** Aborts when this gateway must not work any more: nothing is repeated from then on. Asked for each piece of work. */
  readonly fence?: (() => AbortSignal | undefined) | undefined;
}

/**
 * Performs the work of one of many gateways. Pieces of work run at once on a few connections; those of one session or turn
 * one after another. Work that met a fault which may pass, such as a deadlock or a restart of the server, is repeated when it
 * is known that nothing of it was written.
 */
export class SharedDatabase implements Database {
  readonly afterCrash = false;
  readonly #pool: Pool;
  /** A connection for beats alone. */
  readonly #beats: Pool;
  /** The last piece of work of each session or turn that has any. */
  readonly #last = new Map<string, Promise<unknown>>();
  readonly #running = new Set<Promise<unknown>>();

  private constructor(
    private readonly url: string,
    private readonly options: SharingOptions,
  ) {
    this.#pool = new Pool(() => this.#connect("shared"), options.connections ?? CONNECTIONS);
    this.#beats = new Pool(() => this.#connect("beats"), 1);
  }

  /** Connects, and migrates the tables. Rejects with a LedgerError. */
  static async open(url: string, options: SharingOptions): Promise<SharedDatabase> {
    const connection = await Connection.open(url, "shared");
    try {
      await refuseOldServer(connection);
      await migrate(connection, SCHEMA);
      // No gateway closes it for all: one that opens it alone next must look for what was left.
      await connection.run(`UPDATE ledger SET is_open = true WHERE NOT is_open; ${FORGET_COMMITS}`);
    } finally {
      connection.drop();
    }
    return new SharedDatabase(url, options);
  }

  /** Any refusal may pass: this gateway could connect before. */
  #connect(use: "shared" | "beats"): Promise<Connection> {
    return Connection.open(this.url, use).catch((error: unknown) => {
      throw asPassing(error);
    });
  }

  perform<T>(work: () => Work<T>, order?: string): Promise<T> {
    const pool = order === BEATS ? this.#beats : this.#pool;
    const repeat = () => this.#repeat(work, pool);
    return this.#awaited(order === undefined ? repeat() : this.#after(order, repeat));
  }

  check(): Promise<void> {
    return this.#awaited(this.#check());
  }

  /** `close` waits for it. */
  #awaited<T>(performed: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = performed
      .catch(() => undefined)
      .finally(() => this.#running.delete(ended));
    this.#running.add(ended);
    return performed;
  }

  async #check(): Promise<void> {
    const connection = await this.#pool.take();
    try {
      await connection.run("SELECT 1");
    } finally {
      this.#pool.give(connection);
    }
  }

  async close(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
    await Promise.all([this.#pool.close(), this.#beats.close()]);
  }

  #after<T>(order: string, call: () => Promise<T>): Promise<T> {
    const performed = (this.#last.get(order) ?? Promise.resolve()).then(call);
    const last: Promise<unknown> = performed
      .catch(() => undefined)
      .finally(() => {
        if (this.#last.get(order) === last) this.#last.delete(order);
      });
    this.#last.set(order, last);
    return performed;
  }

  async #repeat<T>(work: () => Work<T>, pool: Pool): Promise<T> {
    const patience = new Patience(this.options.repeatMs ?? REPEAT_MS, this.options.fence?.());
    for (;;) {
      try {
        return await this.#attempt(work, pool, patience);
      } catch (error) {
        if (!isBrief(error) || !(await patience.pause())) throw error;
      }
    }
  }

  async #attempt<T>(work: () => Work<T>, pool: Pool, patience: Patience): Promise<T> {
    const connection = await pool.take();
    try {
      const piece = new Piece(connection, (transaction) => this.#wasCommitted(transaction, patience));
      return await piece.perform(work());
    } finally {
      pool.give(connection);
    }
  }

  async #wasCommitted(transaction: LostTransaction, patience: Patience): Promise<boolean> {
    for (;;) {
      try {
        return await this.#askFor(transaction);
      } catch (error) {
        if (!(error instanceof LedgerError && error.mayPass)) throw error;
        if (!(await patience.pause())) throw doubt(error);
      }
    }
  }

  /** On a connection of its own: the pool may wait for the one whose commit is in doubt. */
  async #askFor({ connection: id, number }: LostTransaction): Promise<boolean> {
    const connection = await this.#connect("shared");
    try {
      // Waits for the end of the transaction if the server has not noticed that its connection is gone.
      const sql = "SELECT number FROM commits WHERE connection = ? FOR UPDATE";
      const { rows } = await connection.perform({ sql, values: [id] });
      return rows[0] !== undefined && integer(rows[0], "number") === number;
    } finally {
      connection.drop();
    }
  }
}

function doubt(cause: unknown): CommitInDoubt {
  return new CommitInDoubt(
    "ledger: the connection was lost during a commit, and whether it took place is unknown",
    { cause },
  );
}
