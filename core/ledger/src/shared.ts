import type { NodeStart } from "@claudeway/ports";
import { lives, staysAlive } from "./nodes.js";
import { bytes } from "./rows.js";
import type { Sql, Work } from "./sql.js";

const LEADER_LIVES = lives("singletons.node", "singletons.incarnation");

/** What all nodes share: secrets, and work that one of them does for all. */
export class SharedTable {
  constructor(private readonly sql: Sql) {}

  *secret(name: string, made: Buffer): Work<Buffer> {
    yield* this.sql.run("INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, made);
    const row = yield* this.sql.one("SELECT value FROM secrets WHERE name = ?", name);
    if (row === undefined) throw new TypeError("ledger: a secret that was written must be there");
    return bytes(row, "value");
  }

  *lead(by: NodeStart, name: string): Work<boolean> {
    if (yield* this.#leads(by, name)) return true;
    return yield* this.sql.transaction(this.#takeLead(by, name));
  }

  *unlead({ node, incarnation }: NodeStart, name: string): Work<void> {
    yield* this.sql.run(
      "DELETE FROM singletons WHERE name = ? AND node = ? AND incarnation = ?",
      name,
      node,
      incarnation,
    );
  }

  *#leads({ node, incarnation }: NodeStart, name: string): Work<boolean> {
    const row = yield* this.sql.one(
      `SELECT 1 FROM singletons WHERE name = ? AND node = ? AND incarnation = ? AND ${LEADER_LIVES}`,
      name,
      node,
      incarnation,
    );
    return row !== undefined;
  }

  *#takeLead(by: NodeStart, name: string): Work<boolean> {
    if (!(yield* staysAlive(this.sql, by))) return false;
    const { node, incarnation } = by;
    const added = yield* this.sql.run(
      "INSERT INTO singletons (name, node, incarnation) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      name,
      node,
      incarnation,
    );
    if (added === 1) return true;
    // Locked before its leader is looked at: a leader that came meanwhile has joined before.
    yield* this.sql.one(`SELECT 1 FROM singletons WHERE name = ?${this.sql.dialect.forUpdate}`, name);
    const changed = yield* this.sql.run(
      `UPDATE singletons SET node = ?, incarnation = ? WHERE name = ? AND NOT ${LEADER_LIVES}`,
      node,
      incarnation,
      name,
    );
    return changed === 1;
  }
}
