import type { Sql, Work } from "./sql.js";

/**
 * Whether a table may have rows of a kind that is rare. While it has none, every turn is spared the queries for them: where
 * nothing but this process writes to the ledger, it is asked once. Elsewhere, other processes may add such rows at any time.
 */
export class MayHave {
  #answer: boolean | undefined;

  /** @param finding SQL that finds one of the rows */
  constructor(
    private readonly sql: Sql,
    private readonly finding: string,
  ) {}

  *any(): Work<boolean> {
    if (!this.sql.dialect.alone) return true;
    this.#answer ??= (yield* this.sql.one(this.finding)) !== undefined;
    return this.#answer;
  }

  /** One is about to be written; true from now on. */
  expect(): void {
    this.#answer = true;
  }
}
