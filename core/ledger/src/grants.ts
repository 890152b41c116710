import type { GrantFilter, GrantPage, Instant, PageQuery, SessionGrant } from "@claudeway/ports";
import { checkPage, offsetOf } from "./pages.js";
import type { Row } from "./rows.js";
import { instant, integer, maybeInteger, maybeText, text, toMs } from "./rows.js";
import type { Sql, SqlValue, Work } from "./sql.js";

export class GrantTable {
  constructor(private readonly sql: Sql) {}

  add(grant: SessionGrant): Work<void> {
    return this.sql.once(this.#add(grant));
  }

  *#add({ id, sessionId, keyId, tool, input, cwd, approvalId, by, at }: SessionGrant): Work<void> {
    yield* this.sql.run(
      `INSERT INTO grants (id, session_id, key_id, tool, input, cwd, approval_id, given_by, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      sessionId,
      keyId,
      tool,
      JSON.stringify(input),
      cwd ?? null,
      approvalId,
      JSON.stringify(by),
      toMs(at),
    );
  }

  *of(sessionId: string, tool: string): Work<SessionGrant[]> {
    const sql = "SELECT * FROM grants WHERE session_id = ? AND tool = ? AND revoked_at IS NULL ORDER BY seq";
    return (yield* this.sql.all(sql, sessionId, tool)).map(toGrant);
  }

  *get(id: string): Work<SessionGrant | undefined> {
    const row = yield* this.sql.one("SELECT * FROM grants WHERE id = ?", id);
    return row === undefined ? undefined : toGrant(row);
  }

  *list(query: GrantFilter & PageQuery): Work<GrantPage> {
    const { page, limit } = checkPage(query);
    const values: SqlValue[] = [];
    let where = "revoked_at IS NULL";
    for (const [column, value] of [
      ["key_id", query.keyId],
      ["session_id", query.sessionId],
    ] as const) {
      if (value === undefined) continue;
      where += ` AND ${column} = ?`;
      values.push(value);
    }
    const rows = yield* this.sql.all(
      `SELECT * FROM grants WHERE ${where} ORDER BY seq DESC LIMIT ? OFFSET ?`,
      ...values,
      limit,
      offsetOf(query),
    );
    const count = yield* this.sql.one(`SELECT count(*) AS total FROM grants WHERE ${where}`, ...values);
    return {
      grants: rows.map(toGrant),
      total: count === undefined ? 0 : integer(count, "total"),
      page,
      limit,
    };
  }

  revoke(id: string, at: Instant): Work<boolean> {
    return this.sql.once(this.#revoke(id, at));
  }

  *#revoke(id: string, at: Instant): Work<boolean> {
    const sql = "UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
    return (yield* this.sql.run(sql, toMs(at), id)) === 1;
  }
}

/** The JSON in a row was written by `add`. */
function toGrant(row: Row): SessionGrant {
  const input: SessionGrant["input"] = JSON.parse(text(row, "input"));
  const by: SessionGrant["by"] = JSON.parse(text(row, "given_by"));
  return {
    id: text(row, "id"),
    sessionId: text(row, "session_id"),
    keyId: text(row, "key_id"),
    tool: text(row, "tool"),
    input,
    cwd: maybeText(row, "cwd"),
    approvalId: text(row, "approval_id"),
    by,
    at: instant(row, "at"),
    revokedAt: maybeInteger(row, "revoked_at") === undefined ? undefined : instant(row, "revoked_at"),
  };
}
