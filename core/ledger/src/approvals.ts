import type {
  Approval,
  ApprovalFilter,
  ApprovalPage,
  ApprovalStatus,
  DecisionRecord,
  PageQuery,
} from "@claudeway/ports";
import type { MayHave } from "./may-have.js";
import { SESSION_HELD } from "./nodes.js";
import { checkPage, offsetOf } from "./pages.js";
import type { Row } from "./rows.js";
import { instant, integer, maybeText, text, toMs } from "./rows.js";
import type { Sql, SqlValue, Work } from "./sql.js";

const STATUSES: Readonly<Record<ApprovalStatus, true>> = {
  pending: true,
  allowed: true,
  denied: true,
  expired: true,
  withdrawn: true,
};

/** The process of the turn may be there, at the node that began it: subagents go on in the background. */
const MAY_STILL_WAIT = `t.end <> 'lost' AND s.epoch = t.epoch AND ${SESSION_HELD}`;

export class ApprovalTable {
  constructor(
    private readonly sql: Sql,
    /** Calls that the CLI keeps. */
    private readonly kept: MayHave,
  ) {}

  ask(approval: Approval): Work<void> {
    return this.sql.once(this.#ask(approval));
  }

  *#ask(approval: Approval): Work<void> {
    const { id, sessionId, turnId, keyId, kind, toolUseId, tool, input, workdir, cwd, deciders } = approval;
    yield* this.sql.run(
      `INSERT INTO approvals (id, session_id, turn_id, key_id, kind, tool_use_id, tool, input, workdir, cwd, deciders, status,
         asked_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
      id,
      sessionId,
      turnId,
      keyId,
      kind,
      toolUseId,
      tool,
      JSON.stringify(input),
      workdir,
      cwd ?? null,
      deciders === undefined ? null : JSON.stringify(deciders),
      toMs(approval.askedAt),
      toMs(approval.expiresAt),
    );
  }

  settle(id: string, status: Exclude<ApprovalStatus, "pending">, decision?: DecisionRecord): Work<boolean> {
    return this.sql.once(this.#settle(id, status, decision));
  }

  /** This condition guarantees exactly one decision per request. */
  *#settle(id: string, status: Exclude<ApprovalStatus, "pending">, decision?: DecisionRecord): Work<boolean> {
    const json = decision === undefined ? null : JSON.stringify(decision);
    const changed = yield* this.sql.run(
      "UPDATE approvals SET status = ?, decision = ?, settled_at = ? WHERE id = ? AND status = 'pending'",
      status,
      json,
      yield* this.sql.now(),
      id,
    );
    return changed === 1;
  }

  *get(id: string): Work<Approval | undefined> {
    const row = yield* this.sql.one("SELECT * FROM approvals WHERE id = ?", id);
    return row === undefined ? undefined : toApproval(row);
  }

  *list(query: ApprovalFilter & PageQuery): Work<ApprovalPage> {
    const { page, limit } = checkPage(query);
    const { where, values } = filtered(query);
    const rows = yield* this.sql.all(
      `SELECT * FROM approvals${where} ORDER BY seq DESC LIMIT ? OFFSET ?`,
      ...values,
      limit,
      offsetOf(query),
    );
    const count = yield* this.sql.one(`SELECT count(*) AS total FROM approvals${where}`, ...values);
    const total = count === undefined ? 0 : integer(count, "total");
    return { approvals: rows.map(toApproval), total, page, limit };
  }

  *now(): Work<number> {
    return yield* this.sql.now();
  }

  *due(): Work<Approval[]> {
    const sql = "SELECT * FROM approvals WHERE status = 'pending' AND expires_at <= ? ORDER BY expires_at";
    return (yield* this.sql.all(sql, yield* this.now())).map(toApproval);
  }

  *msToNextDue(): Work<number | undefined> {
    const sql = "SELECT expires_at FROM approvals WHERE status = 'pending' ORDER BY expires_at LIMIT 1";
    const row = yield* this.sql.one(sql);
    return row && integer(row, "expires_at") - (yield* this.now());
  }

  *pending(of: { readonly turnId: string } | "ended turns"): Work<Approval[]> {
    const rows =
      of === "ended turns"
        ? yield* this.sql.all(
            `SELECT a.* FROM approvals a JOIN turns t ON t.id = a.turn_id JOIN sessions s ON s.seq = t.session_seq
             WHERE a.status = 'pending' AND t.end IS NOT NULL AND NOT (${MAY_STILL_WAIT}) ORDER BY a.seq`,
          )
        : yield* this.sql.all(
            "SELECT * FROM approvals WHERE status = 'pending' AND turn_id = ? ORDER BY seq",
            of.turnId,
          );
    return rows.map(toApproval);
  }

  *unresolved(sessionId: string): Work<Approval[]> {
    if (!(yield* this.kept.any())) return [];
    const sql = "SELECT * FROM approvals WHERE session_id = ? AND owed = 1 ORDER BY seq";
    return (yield* this.sql.all(sql, sessionId)).map(toApproval);
  }

  *delivered(id: string): Work<void> {
    yield* this.sql.run("UPDATE approvals SET owed = 0 WHERE id = ?", id);
  }
}

function filtered({ keyId, sessionId, status }: ApprovalFilter): { where: string; values: SqlValue[] } {
  const given = Object.entries({ key_id: keyId, session_id: sessionId, status }).flatMap(([column, value]) =>
    value === undefined ? [] : [{ column, value }],
  );
  if (given.length === 0) return { where: "", values: [] };
  return {
    where: ` WHERE ${given.map(({ column }) => `${column} = ?`).join(" AND ")}`,
    values: given.map(({ value }) => value),
  };
}

/** The JSON in a row was written by `ask` and `settle`. */
export function toApproval(row: Row): Approval {
  const status = text(row, "status");
  if (!isStatus(status))
    throw new TypeError(`ledger: unknown status of an approval: ${JSON.stringify(status)}`);
  const input: Approval["input"] = JSON.parse(text(row, "input"));
  const deciders: Approval["deciders"] = parse(maybeText(row, "deciders"));
  const decision: Approval["decision"] = parse(maybeText(row, "decision"));
  return {
    id: text(row, "id"),
    sessionId: text(row, "session_id"),
    turnId: text(row, "turn_id"),
    keyId: text(row, "key_id"),
    kind: text(row, "kind") === "question" ? "question" : "tool",
    toolUseId: text(row, "tool_use_id"),
    tool: text(row, "tool"),
    input,
    workdir: text(row, "workdir"),
    cwd: maybeText(row, "cwd"),
    status,
    parked: integer(row, "parked") === 1,
    askedAt: instant(row, "asked_at"),
    expiresAt: instant(row, "expires_at"),
    deciders,
    decision,
  };
}

function parse<T>(json: string | undefined): T | undefined {
  return json === undefined ? undefined : JSON.parse(json);
}

function isStatus(value: string): value is ApprovalStatus {
  return Object.hasOwn(STATUSES, value);
}
