import type {
  ApprovalAuditEvent,
  AuditPosition,
  AuditQuery,
  TurnAuditEvent,
  TurnOutcome,
} from "@claudeway/ports";
import { toApproval } from "./approvals.js";
import type { Row } from "./rows.js";
import { integer, maybeText, toMs } from "./rows.js";
import type { Sql, SqlValue, Work } from "./sql.js";
import { toTurn } from "./turn-row.js";

/** What a turn's audit line has that no other column of its row has. */
type LineRest = Pick<TurnAuditEvent, "error" | "accounts">;

/** Settled by a gateway of an earlier version: at an unknown time after it was asked. */
const SETTLED_AT = "coalesce(a.settled_at, a.asked_at)";

/** The column `audit` of a turn's row; null where there is nothing to add, as in most turns. */
export function lineRestOf({ response: { error }, accounts }: TurnOutcome): string | null {
  return error === null && accounts === undefined
    ? null
    : JSON.stringify({ error, accounts } satisfies LineRest);
}

/** Turns and approvals as events of the audit log. */
export class AuditTable {
  constructor(private readonly sql: Sql) {}

  *turns(query: AuditQuery): Work<TurnAuditEvent[]> {
    const { where, values } = conditionsOf(query, { at: "t.ended_at", row: "t" });
    // Rows of earlier versions have their error in the answer alone.
    const rows = yield* this.sql.all(
      `SELECT t.*, t.ended_at AS event_at, s.id AS session_id, s.kind, r.json AS answer
       FROM turns t JOIN sessions s ON s.seq = t.session_seq
       LEFT JOIN turn_responses r ON r.turn_seq = t.seq AND t.audit IS NULL AND t."end" <> 'completed'
       WHERE ${where} ORDER BY t.ended_at DESC, t.seq DESC LIMIT ?`,
      ...values,
    );
    return rows.flatMap((row) => {
      const { ended, ...turn } = toTurn(row);
      return ended === undefined ? [] : [{ ...eventOf(row), turn: { ...turn, ended }, ...restOf(row) }];
    });
  }

  *approvals(query: AuditQuery): Work<ApprovalAuditEvent[]> {
    const { where, values } = conditionsOf(query, { at: SETTLED_AT, row: "a" });
    const rows = yield* this.sql.all(
      `SELECT a.*, ${SETTLED_AT} AS event_at, t.node FROM approvals a LEFT JOIN turns t ON t.id = a.turn_id
       WHERE a.status <> 'pending' AND ${where} ORDER BY ${SETTLED_AT} DESC, a.seq DESC LIMIT ?`,
      ...values,
    );
    return rows.map((row) => ({ ...eventOf(row), approval: toApproval(row) }));
  }
}

function conditionsOf(
  { since, until, keyId, before, limit }: AuditQuery,
  { at, row }: { readonly at: string; readonly row: string },
): { where: string; values: SqlValue[] } {
  const conditions = [`${at} >= ? AND ${at} < ?`];
  const values: SqlValue[] = [toMs(since), toMs(until)];
  if (keyId !== undefined) {
    conditions.push(`${row}.key_id = ?`);
    values.push(keyId);
  }
  if (before !== undefined) {
    conditions.push(`${at} <= ? AND (${at} < ? OR ${row}.seq < ?)`);
    values.push(before.at, before.at, before.seq);
  }
  return { where: conditions.join(" AND "), values: [...values, limit] };
}

function eventOf(row: Row): { position: AuditPosition; node: string | undefined } {
  return {
    position: { at: integer(row, "event_at"), seq: integer(row, "seq") },
    node: maybeText(row, "node"),
  };
}

/** The JSON was written by `end` of the turn. */
function restOf(row: Row): LineRest {
  const rest: Partial<LineRest> = JSON.parse(maybeText(row, "audit") ?? maybeText(row, "answer") ?? "{}");
  return { error: rest.error ?? null, accounts: rest.accounts };
}
