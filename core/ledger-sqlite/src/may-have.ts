import type { Database } from "./database.js";

/**
 * Whether a table may have rows of a kind that is rare. While it has none, every turn is spared the queries for them.
 * Nothing but this process writes to the file, so it is asked once.
 */
export class MayHave {
  #answer: boolean | undefined;

  /** @param sql finds one of the rows */
  constructor(
    private readonly database: Database,
    private readonly sql: string,
  ) {}

  get any(): boolean {
    this.#answer ??= this.database.one(this.sql) !== undefined;
    return this.#answer;
  }

  /** One is about to be written; true from now on. */
  expect(): void {
    this.#answer = true;
  }
}
