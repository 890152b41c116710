import { type Row, text } from "@claudeway/ledger";
import { LedgerError } from "@claudeway/ports";
import type { Connection } from "./connection.js";
import { isNewer } from "./migrate.js";

/**
 * Rejects with a LedgerError if a ledger can't be copied: it was written by a newer version, or not closed. That of a cluster is
 * marked as open for good; it is closed once all nodes have left it, or were declared dead by another one. A gateway alone
 * deletes their rows.
 */
export async function refuseCopy(connection: Connection, state: Row): Promise<void> {
  const { database } = connection;
  if (isNewer(state))
    throw new LedgerError(`ledger ${database} was written by a newer Claudeway: copy it with that version`);
  if (state["is_open"] !== true) return;
  const nodes = await connection.run("SELECT node, state FROM nodes ORDER BY node");
  if (nodes.length === 0)
    throw new LedgerError(`ledger ${database} was not closed: start and stop its gateway once`);
  const living = nodes.filter((node) => ["up", "draining"].includes(text(node, "state")));
  if (living.length > 0) {
    const names = living.map((node) => text(node, "node")).join(", ");
    throw new LedgerError(
      `ledger ${database} was not left by the nodes ${names}: start and stop each of them once`,
    );
  }
}
