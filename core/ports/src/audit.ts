import type { AuditLine } from "@claudeway/schemas";
import type { Approval } from "./approvals.js";
import type { EndedTurn, Instant, TurnRecord } from "./turn-record.js";

type With<Field extends keyof AuditLine> = AuditLine & Required<Pick<AuditLine, Field>>;

/** The line of a turn that ended. */
export type TurnAuditLine = With<
  "session_id" | "turn_id" | "model" | "claude_exit_code" | "duration_ms" | "success" | "tokens" | "cost_usd"
> & { key_id: string };

/** The line of a tool call that was decided, has expired or was withdrawn. */
export type ApprovalAuditLine = With<"session_id" | "turn_id" | "approval_id"> & { key_id: string };

/** The line of an authenticated request that was answered. */
export type RequestAuditLine = With<"method" | "path" | "status"> & { key_id: string };

/** The line of a request that was not authenticated. */
export type RefusedAuditLine = With<"method" | "path" | "status">;

/**
 * Writes `<dir>/<key_id>/YYYY-MM.log`: one JSON object a line, filed by the month of the line's UTC timestamp. The
 * writing methods never block, throw or fail a turn. Lines that can't be written are counted. The count is logged, and
 * is written to the file once the file can be written again.
 */
export interface AuditLog {
  turn(line: TurnAuditLine): void;
  approval(line: ApprovalAuditLine): void;
  request(line: RequestAuditLine): void;
  /** Writes to the folder `_unauthorized`, which is capped in rate and size. Dropped lines are counted there. */
  refused(line: RefusedAuditLine): void;
  /** The ids of the turns among the last lines of a key's file for one month, `YYYY-MM`. */
  latestTurns(keyId: string, month: string): Promise<ReadonlySet<string>>;
  /** Resolves when every line so far has been written or dropped. */
  flush(): Promise<void>;
  /** Flushes; later lines are ignored. */
  close(): Promise<void>;
}

/** A position in the order of the ledger's events: by time, then by the number of the row. */
export interface AuditPosition {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly seq: number;
}

export interface AuditQuery {
  /** At this time or later. */
  readonly since: Instant;
  /** Before this time. */
  readonly until: Instant;
  readonly keyId?: string | undefined;
  /** The position of the last event of an earlier answer: older ones follow. */
  readonly before?: AuditPosition | undefined;
  readonly limit: number;
}

/** Something that the audit log reports, as the ledger has it. */
export interface AuditEvent {
  readonly position: AuditPosition;
  /** In a cluster: the node that ran the turn last. */
  readonly node?: string | undefined;
}

/** A turn that ended. */
export interface TurnAuditEvent extends AuditEvent {
  readonly turn: TurnRecord & { readonly ended: EndedTurn };
  readonly error: string | null;
  readonly accounts?: readonly string[] | undefined;
}

/** A tool call that was decided, has expired or was withdrawn. */
export interface ApprovalAuditEvent extends AuditEvent {
  readonly approval: Approval;
}

/** What the audit log reports of turns and approvals, read from their rows, latest first. So it outlives every machine. */
export interface AuditBook {
  turns(query: AuditQuery): Promise<readonly TurnAuditEvent[]>;
  approvals(query: AuditQuery): Promise<readonly ApprovalAuditEvent[]>;
}
