import type { IdempotencyClaim } from "@claudeway/ports";
import type { Database } from "./database.js";
import { text, toMs } from "./rows.js";

/** How long a key refers to its turn, in ms. */
const KEPT_MS = 24 * 60 * 60 * 1000;

export class IdempotencyTable {
  constructor(private readonly database: Database) {}

  claim(claim: IdempotencyClaim): "new" | "conflict" | { readonly turnId: string } {
    const { keyId, route, idempotencyKey, bodyHash, turnId } = claim;
    const at = toMs(claim.at);
    return this.database.transaction(() => {
      this.database.run("DELETE FROM idempotency WHERE at <= ?", at - KEPT_MS);
      const known = this.database.one(
        "SELECT body_hash, turn_id FROM idempotency WHERE key_id = ? AND route = ? AND idempotency_key = ?",
        keyId,
        route,
        idempotencyKey,
      );
      if (known !== undefined) {
        return text(known, "body_hash") === bodyHash ? { turnId: text(known, "turn_id") } : "conflict";
      }
      this.database.run(
        `INSERT INTO idempotency (key_id, route, idempotency_key, body_hash, turn_id, at) VALUES (?, ?, ?, ?, ?, ?)`,
        keyId,
        route,
        idempotencyKey,
        bodyHash,
        turnId,
        at,
      );
      return "new";
    });
  }

  release({ keyId, route, idempotencyKey, turnId }: IdempotencyClaim): void {
    this.database.run(
      "DELETE FROM idempotency WHERE key_id = ? AND route = ? AND idempotency_key = ? AND turn_id = ?",
      keyId,
      route,
      idempotencyKey,
      turnId,
    );
  }

  redirect({ keyId, route, idempotencyKey, turnId }: IdempotencyClaim, to: string): void {
    this.database.run(
      `UPDATE idempotency SET turn_id = ? WHERE key_id = ? AND route = ? AND idempotency_key = ? AND turn_id = ?`,
      to,
      keyId,
      route,
      idempotencyKey,
      turnId,
    );
  }

  /** Claims whose turn was never begun: after a restart, no caller will begin it. */
  forgetUnbegun(): void {
    this.database.run(
      "DELETE FROM idempotency WHERE NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = idempotency.turn_id)",
    );
  }
}
