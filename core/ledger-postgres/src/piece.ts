import type { Statement, StatementResult, Work } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import pg from "pg";
import type { Connection } from "./connection.js";
import { POSTGRES } from "./dialect.js";
import { isRefusal } from "./errors.js";

/** Written in each transaction, so that it can be asked whether it was committed. */
const NOTE = `INSERT INTO commits (connection, number, at) VALUES (?, ?, ${POSTGRES.now})
  ON CONFLICT (connection) DO UPDATE SET number = excluded.number, at = excluded.at`;
const NOTHING: StatementResult = { rows: [], changes: 0 };

/** A transaction of a connection that was lost. */
export interface LostTransaction {
  readonly connection: string;
  readonly number: number;
}

/** Finds out whether a transaction was committed. Rejects with a LedgerError if that cannot be known. */
export type WasCommitted = (transaction: LostTransaction) => Promise<boolean>;

/**
 * One piece of the ledger's work, performed on one connection. If it rejects, nothing of its transaction was written: a
 * commit without an answer is asked for. Ids that PostgreSQL gives to transactions would not do: after a crash of the server
 * it may give one again.
 */
export class Piece {
  /** Statements that were sent and whose results nothing waits for, in their order. */
  #sent: Promise<unknown>[] = [];
  /** Whether a transaction was committed: the work must not be done again. */
  #hasCommitted = false;
  /** The open transaction, and its note. */
  #transaction: { readonly number: number; readonly noted: Promise<unknown> } | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly wasCommitted: WasCommitted,
  ) {}

  async perform<T>(work: Work<T>): Promise<T> {
    try {
      let step = work.next();
      while (step.done !== true) {
        const answer = await this.#answer(step.value).then(
          (result) => ({ result }),
          (error: unknown) => ({ error }),
        );
        step = "error" in answer ? work.throw(answer.error) : work.next(answer.result);
      }
      await this.#afterSent(Promise.resolve());
      return step.value;
    } catch (error) {
      if (!this.#hasCommitted || !(error instanceof LedgerError)) throw error;
      throw new LedgerError(error.message, { cause: error });
    } finally {
      if (this.#transaction !== undefined) this.connection.drop();
    }
  }

  async #answer(statement: Statement): Promise<StatementResult> {
    if (statement.sql === POSTGRES.begin) return this.#begin();
    if (statement.sql === "COMMIT") return this.#commit();
    if (statement.sql === "ROLLBACK") return this.#rollback();
    const asked = this.connection.perform(statement);
    if (statement.later !== true) return this.#afterSent(asked);
    this.#send(asked);
    return NOTHING;
  }

  #begin(): StatementResult {
    if (this.#transaction !== undefined) throw new TypeError("ledger: a transaction is open");
    const { connection } = this;
    const number = connection.nextTransaction();
    this.#send(connection.run("BEGIN"));
    const noted = connection.perform({ sql: NOTE, values: [connection.id, number] });
    this.#send(noted);
    this.#transaction = { number, noted };
    return NOTHING;
  }

  async #commit(): Promise<StatementResult> {
    const transaction = this.#transaction;
    // From here on, its note is locked until it ends, whatever becomes of the connection.
    await transaction?.noted;
    const committed = this.connection.run("COMMIT");
    committed.catch(() => undefined);
    try {
      await this.#afterSent(committed);
    } catch (error) {
      if (isKnown(error) || transaction === undefined) throw error;
      this.#transaction = undefined;
      const lost = { connection: this.connection.id, number: transaction.number };
      if (!(await this.wasCommitted(lost))) throw error;
    }
    this.#transaction = undefined;
    this.#hasCommitted = true;
    return NOTHING;
  }

  async #rollback(): Promise<StatementResult> {
    this.#transaction = undefined;
    this.#sent = [];
    await this.connection.run("ROLLBACK");
    return NOTHING;
  }

  #send(sent: Promise<unknown>): void {
    sent.catch(() => undefined);
    this.#sent.push(sent);
  }

  /** The answer to a statement, or the first error among those that were sent before. */
  async #afterSent<T>(asked: Promise<T>): Promise<T> {
    const sent = this.#sent;
    this.#sent = [];
    const answers = await Promise.allSettled([...sent, asked]);
    const failed = answers.find((answer) => answer.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return asked;
  }
}

/** True: the server answered, so that it is known that nothing was committed. */
function isKnown(error: unknown): error is LedgerError {
  return error instanceof Error && error.cause instanceof pg.DatabaseError && isRefusal(error.cause);
}
