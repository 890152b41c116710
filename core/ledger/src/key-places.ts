import type { NodeStart } from "@claudeway/ports";
import { lives } from "./nodes.js";
import { integer } from "./rows.js";
import type { Sql, Work } from "./sql.js";

const HOLDER_LIVES = lives("key_places.node", "key_places.incarnation");

/** The places of keys that may have a number of turns running over all nodes. */
export class KeyPlaceTable {
  constructor(private readonly sql: Sql) {}

  take(by: NodeStart, id: string, keyId: string, limit: number): Work<boolean> {
    return this.sql.transaction(this.#take(by, id, keyId, limit));
  }

  *#take({ node, incarnation }: NodeStart, id: string, keyId: string, limit: number): Work<boolean> {
    yield* this.sql.lock([`places of ${keyId}`]);
    // A start that died gave nothing back.
    yield* this.sql.run(`DELETE FROM key_places WHERE key_id = ? AND NOT ${HOLDER_LIVES}`, keyId);
    const taken = yield* this.sql.one("SELECT count(*) AS taken FROM key_places WHERE key_id = ?", keyId);
    if (taken !== undefined && integer(taken, "taken") >= limit) return false;
    yield* this.sql.send(
      "INSERT INTO key_places (id, key_id, node, incarnation) VALUES (?, ?, ?, ?)",
      id,
      keyId,
      node,
      incarnation,
    );
    return true;
  }

  *leave(ids: readonly string[]): Work<void> {
    for (const id of ids) yield* this.sql.send("DELETE FROM key_places WHERE id = ?", id);
  }
}
