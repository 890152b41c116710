import { isDeepStrictEqual } from "node:util";
import {
  type ClaimedTurn,
  type IdempotencyBook,
  type IdempotencyClaim,
  type NodeStart,
  NotBegun,
} from "@claudeway/ports";
import { lives } from "./nodes.js";
import { integer, maybeText, type Row, text } from "./rows.js";
import type { Sql, Work } from "./sql.js";

/** How long a key refers to its turn, in ms, by the database's clock. */
const KEPT_MS = 24 * 60 * 60 * 1000;
/** Where a key is looked up. */
const KEY = "key_id = ? AND route = ? AND idempotency_key = ?";
const BEGUN = "EXISTS (SELECT 1 FROM turns WHERE turns.id = idempotency.turn_id)";
/** A turn whose end can't be recorded may have cost something. */
const REFUSED = `NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = idempotency.turn_id AND "end" IS DISTINCT FROM 'refused')`;
const HAS_BEGUN = "(SELECT count(*) FROM turns WHERE turns.id = idempotency.turn_id)";
const WAS_REFUSED = `(SELECT count(*) FROM turns WHERE turns.id = idempotency.turn_id AND "end" = 'refused')`;
const CLAIMANT_LIVES = lives("idempotency.node", "idempotency.incarnation");

type Claimed = Awaited<ReturnType<IdempotencyBook["claim"]>>;
type Begins = (turnId: string) => boolean;

export class IdempotencyTable {
  constructor(private readonly sql: Sql) {}

  claim(claim: IdempotencyClaim, by?: NodeStart, begins: Begins = () => true): Work<Claimed> {
    return this.sql.transaction(this.#claim(claim, by, begins));
  }

  *#claim(claim: IdempotencyClaim, by: NodeStart | undefined, begins: Begins): Work<Claimed> {
    const { keyId, route, idempotencyKey, bodyHash, turnId } = claim;
    const { now } = this.sql.dialect;
    yield* this.sql.run(`DELETE FROM idempotency WHERE at <= ${now} - ${KEPT_MS}`);
    yield* this.sql.lock([lockOf(claim)]);
    const key = [keyId, route, idempotencyKey];
    // Its node died before it began the turn.
    if (by !== undefined)
      yield* this.sql.run(
        `DELETE FROM idempotency WHERE ${KEY} AND NOT ${BEGUN} AND NOT ${CLAIMANT_LIVES}`,
        ...key,
      );
    const known = yield* this.sql.one(
      `SELECT body_hash, turn_id, node, incarnation, ${WAS_REFUSED} AS was_refused, ${HAS_BEGUN} AS has_begun
       FROM idempotency WHERE ${KEY}`,
      ...key,
    );
    // Its gateway ended, or the ledger failed, before the key of a turn that was refused, or never began, was released.
    const isFree = known !== undefined && (integer(known, "was_refused") === 1 || wasLeft(known, by, begins));
    if (isFree) yield* this.sql.run(`DELETE FROM idempotency WHERE ${KEY}`, ...key);
    else if (known !== undefined)
      return text(known, "body_hash") === bodyHash ? claimedTurn(known) : "conflict";
    yield* this.sql.run(
      `INSERT INTO idempotency (key_id, route, idempotency_key, body_hash, turn_id, node, incarnation, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ${now})`,
      ...key,
      bodyHash,
      turnId,
      by?.node ?? null,
      by?.incarnation ?? null,
    );
    return "new";
  }

  *release({ keyId, route, idempotencyKey, turnId }: IdempotencyClaim): Work<void> {
    yield* this.sql.run(
      `DELETE FROM idempotency WHERE ${KEY} AND turn_id = ? AND ${REFUSED}`,
      keyId,
      route,
      idempotencyKey,
      turnId,
    );
  }

  *redirect({ keyId, route, idempotencyKey, turnId }: IdempotencyClaim, to: string): Work<void> {
    yield* this.sql.run(
      `UPDATE idempotency SET turn_id = ? WHERE ${KEY} AND turn_id = ?`,
      to,
      keyId,
      route,
      idempotencyKey,
      turnId,
    );
  }

  /** Claims whose turn was never begun: after a restart of the only gateway, no caller will begin it. */
  *forgetUnbegun(): Work<void> {
    yield* this.sql.run(`DELETE FROM idempotency WHERE NOT ${BEGUN} AND NOT ${CLAIMANT_LIVES}`);
  }
}

/**
 * Throws NotBegun unless the key is still this turn's; it then stays so until the end of the caller's transaction. A node that
 * was dead for a while has lost the keys whose turns it had not begun: the same request may have come to another one.
 */
export function* holdKey(sql: Sql, claim: IdempotencyClaim): Work<void> {
  const { keyId, route, idempotencyKey, turnId } = claim;
  yield* sql.lock([lockOf(claim)]);
  const own = yield* sql.one(
    `SELECT 1 FROM idempotency WHERE ${KEY} AND turn_id = ?`,
    keyId,
    route,
    idempotencyKey,
    turnId,
  );
  if (own === undefined)
    throw new NotBegun(
      "UNAVAILABLE",
      "this node lost its claim on the Idempotency-Key before the turn began; try again",
      { headers: { "retry-after": "1" } },
    );
}

function lockOf({ keyId, route, idempotencyKey }: IdempotencyClaim): string {
  return JSON.stringify(["idempotency", keyId, route, idempotencyKey]);
}

/** Whether the claimant itself knows nothing of the turn of its claim, which never began. */
function wasLeft(row: Row, by: NodeStart | undefined, begins: Begins): boolean {
  const claimed = claimedTurn(row);
  const isOwn = isDeepStrictEqual(claimed.by, by);
  return isOwn && integer(row, "has_begun") === 0 && !begins(claimed.turnId);
}

function claimedTurn(row: Row): ClaimedTurn {
  const turnId = text(row, "turn_id");
  const node = maybeText(row, "node");
  return node === undefined ? { turnId } : { turnId, by: { node, incarnation: integer(row, "incarnation") } };
}
