import type { ClaimOutcome, NodeAddress, NodeStart, TurnRecord } from "@claudeway/ports";
import { LIVES, lives, SESSION_HELD, staysAlive } from "./nodes.js";
import type { Row } from "./rows.js";
import { integer, maybeText, text } from "./rows.js";
import type { Sql, Work } from "./sql.js";
import { SELECT_TURN, toTurn } from "./turn-row.js";

/** The node that has a session, if that start of it lives. */
const OWNER = `SELECT n.node, n.incarnation, n.url FROM sessions s
  JOIN nodes n ON n.node = s.owner AND n.incarnation = s.owner_incarnation AND n.${LIVES}
  WHERE s.id = ?`;
const TURN_LIVES = lives("t.node", "t.incarnation");

/** The highest epoch that a cluster used before one gateway had the ledger alone. */
const OLD_EPOCHS = "(SELECT coalesce(max(value), 0) FROM counters WHERE name = 'old epochs')";

/** Whether background work or open turns of a session were not ended by an earlier owner than the given start of a node. */
const LEFT = `CASE WHEN background IS NOT NULL OR EXISTS (
  SELECT 1 FROM turns t WHERE t.session_seq = sessions.seq AND t."end" IS NULL AND t.parked IS NULL
    AND (t.epoch <> sessions.epoch OR coalesce(t.node, '') <> ? OR coalesce(t.incarnation, 0) <> ?)) THEN 1 ELSE 0 END`;

/** Which node has which session. */
export class OwnerTable {
  constructor(private readonly sql: Sql) {}

  claim(by: NodeStart, sessionId: string): Work<ClaimOutcome> {
    return this.sql.transaction(this.#claim(by, sessionId));
  }

  *#claim(by: NodeStart, sessionId: string): Work<ClaimOutcome> {
    // First, so that it cannot be buried before its claim is committed: a burial frees what it finds.
    if (!(yield* staysAlive(this.sql, by))) return "fenced";
    const session = yield* this.sql.one(
      `SELECT seq, owner, owner_incarnation, epoch, pinned_to, ${OLD_EPOCHS} AS old_epochs, ${LEFT} AS leftovers
       FROM sessions WHERE id = ?${this.sql.dialect.forUpdate}`,
      by.node,
      by.incarnation,
      sessionId,
    );
    if (session === undefined) return "unknown session";
    const left = integer(session, "leftovers") === 0 ? {} : { left: true };
    // What was left may still be there: recording it failed when the session was taken.
    if (isOwner(session, by)) return { epoch: integer(session, "epoch"), ...left };
    const owner = yield* this.owner(sessionId);
    if (owner !== undefined) return { owner };
    const pinnedTo = maybeText(session, "pinned_to");
    if (pinnedTo !== undefined && pinnedTo !== by.node) return { pinnedTo };
    const epoch = Math.max(integer(session, "epoch"), integer(session, "old_epochs")) + 1;
    yield* this.sql.run(
      "UPDATE sessions SET owner = ?, owner_incarnation = ?, epoch = ? WHERE seq = ?",
      by.node,
      by.incarnation,
      epoch,
      integer(session, "seq"),
    );
    return { epoch, ...left };
  }

  /**
   * Called when one gateway alone has opened the ledger: every session is its own, under epoch 0. If the ledger was a cluster's,
   * nodes of that time that resume later find their epochs invalid.
   */
  alone(): Work<void> {
    return this.sql.transaction(this.#alone());
  }

  *#alone(): Work<void> {
    if ((yield* this.sql.one("SELECT 1 FROM nodes LIMIT 1")) === undefined) return;
    yield* this.sql.run(
      `INSERT INTO counters (name, value) SELECT 'old epochs', coalesce(max(epoch), 0) FROM sessions WHERE true
       ON CONFLICT (name) DO UPDATE SET value = max(counters.value, excluded.value)`,
    );
    yield* this.sql.run(
      "UPDATE sessions SET owner = NULL, owner_incarnation = NULL, epoch = 0 WHERE epoch > 0 OR owner IS NOT NULL",
    );
    yield* this.sql.run(
      `UPDATE turns SET node = NULL, incarnation = NULL, epoch = 0 WHERE "end" IS NULL AND (epoch > 0 OR node IS NOT NULL)`,
    );
    yield* this.sql.run("DELETE FROM nodes");
    yield* this.sql.run("DELETE FROM singletons");
  }

  *owner(sessionId: string): Work<NodeAddress | undefined> {
    const row = yield* this.sql.one(OWNER, sessionId);
    if (row === undefined) return undefined;
    return { node: text(row, "node"), incarnation: integer(row, "incarnation"), url: text(row, "url") };
  }

  release(by: NodeStart, sessionId: string, epoch: number): Work<boolean> {
    return this.sql.transaction(this.#release(by, sessionId, epoch));
  }

  *#release(by: NodeStart, sessionId: string, epoch: number): Work<boolean> {
    const changed = yield* this.sql.run(
      `UPDATE sessions SET owner = NULL, owner_incarnation = NULL, epoch = epoch + 1
       WHERE id = ? AND owner = ? AND owner_incarnation = ? AND epoch = ?`,
      sessionId,
      by.node,
      by.incarnation,
      epoch,
    );
    return changed === 1;
  }

  *lostTurns(sessionId?: string): Work<TurnRecord[]> {
    const [of, values] = sessionId === undefined ? ["", []] : [" AND s.id = ?", [sessionId]];
    const rows = yield* this.sql.all(
      `${SELECT_TURN} WHERE t."end" IS NULL AND t.parked IS NULL AND (t.epoch <> s.epoch OR NOT ${TURN_LIVES})${of}
       ORDER BY t.seq`,
      ...values,
    );
    return rows.map(toTurn);
  }

  *resumable(by: NodeStart): Work<TurnRecord[]> {
    const rows = yield* this.sql.all(
      `${SELECT_TURN} WHERE t.parked IS NOT NULL
         AND (s.pinned_to IS NULL OR s.pinned_to = ?)
         AND (s.owner = ? AND s.owner_incarnation = ? OR NOT ${SESSION_HELD})
         AND NOT EXISTS (
           SELECT 1 FROM approvals a WHERE a.turn_id = t.id AND a.parked = 1 AND a.status = 'pending')
       ORDER BY t.seq`,
      by.node,
      by.node,
      by.incarnation,
    );
    return rows.map(toTurn);
  }
}

function isOwner(session: Row, { node, incarnation }: NodeStart): boolean {
  return session["owner"] === node && session["owner_incarnation"] === incarnation;
}
