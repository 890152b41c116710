import { type Claim, FencedError } from "@claudeway/ports";
import { integer } from "./rows.js";
import type { Sql, Work } from "./sql.js";

/** The epoch under which a session is written. */
export type Epoch = Pick<Claim, "epoch">;

/** Throws a FencedError if the session exists: a write found none under its epoch. */
export function* refuseOldEpoch(sql: Sql, id: string): Work<void> {
  if ((yield* sql.one("SELECT 1 FROM sessions WHERE id = ?", id)) !== undefined) throw new FencedError(id);
}

/** Throws a FencedError if the session exists under another epoch. It keeps its epoch until the end of the transaction. */
export function* holdEpoch(sql: Sql, id: string, { epoch }: Epoch): Work<void> {
  const row = yield* sql.one(`SELECT epoch FROM sessions WHERE id = ?${sql.dialect.forUpdate}`, id);
  if (row !== undefined && integer(row, "epoch") !== epoch) throw new FencedError(id);
}

/** Writes one column of a session. Throws a FencedError if the session exists under another epoch. */
export function* setColumn(
  sql: Sql,
  column: string,
  value: string | null,
  id: string,
  { epoch }: Epoch,
): Work<void> {
  const statement = `UPDATE sessions SET ${column} = ? WHERE id = ? AND epoch = ?`;
  if ((yield* sql.run(statement, value, id, epoch)) === 0) yield* refuseOldEpoch(sql, id);
}
