import type { IdempotencyBook, IdempotencyClaim } from "@claudeway/ports";
import { text, toMs } from "./rows.js";
import type { Sql, Work } from "./sql.js";

/** How long a key refers to its turn, in ms. */
const KEPT_MS = 24 * 60 * 60 * 1000;

type Claimed = Awaited<ReturnType<IdempotencyBook["claim"]>>;

export class IdempotencyTable {
  constructor(private readonly sql: Sql) {}

  claim(claim: IdempotencyClaim): Work<Claimed> {
    return this.sql.transaction(this.#claim(claim));
  }

  *#claim(claim: IdempotencyClaim): Work<Claimed> {
    const { keyId, route, idempotencyKey, bodyHash, turnId } = claim;
    const at = toMs(claim.at);
    yield* this.sql.run("DELETE FROM idempotency WHERE at <= ?", at - KEPT_MS);
    yield* this.sql.lock([JSON.stringify(["idempotency", keyId, route, idempotencyKey])]);
    const known = yield* this.sql.one(
      "SELECT body_hash, turn_id FROM idempotency WHERE key_id = ? AND route = ? AND idempotency_key = ?",
      keyId,
      route,
      idempotencyKey,
    );
    if (known !== undefined) {
      return text(known, "body_hash") === bodyHash ? { turnId: text(known, "turn_id") } : "conflict";
    }
    yield* this.sql.run(
      `INSERT INTO idempotency (key_id, route, idempotency_key, body_hash, turn_id, at) VALUES (?, ?, ?, ?, ?, ?)`,
      keyId,
      route,
      idempotencyKey,
      bodyHash,
      turnId,
      at,
    );
    return "new";
  }

  *release({ keyId, route, idempotencyKey, turnId }: IdempotencyClaim): Work<void> {
    yield* this.sql.run(
      "DELETE FROM idempotency WHERE key_id = ? AND route = ? AND idempotency_key = ? AND turn_id = ?",
      keyId,
      route,
      idempotencyKey,
      turnId,
    );
  }

  *redirect({ keyId, route, idempotencyKey, turnId }: IdempotencyClaim, to: string): Work<void> {
    yield* this.sql.run(
      `UPDATE idempotency SET turn_id = ? WHERE key_id = ? AND route = ? AND idempotency_key = ? AND turn_id = ?`,
      to,
      keyId,
      route,
      idempotencyKey,
      turnId,
    );
  }

  /** Claims whose turn was never begun: after a restart, no caller will begin it. */
  *forgetUnbegun(): Work<void> {
    yield* this.sql.run(
      "DELETE FROM idempotency WHERE NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = idempotency.turn_id)",
    );
  }
}
