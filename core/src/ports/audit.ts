import type { AuditLine } from "@claudeway/schemas";

type With<Field extends keyof AuditLine> = AuditLine & Required<Pick<AuditLine, Field>>;

/** The line of a turn that ended. */
export type TurnAuditLine = With<
  "session_id" | "turn_id" | "model" | "claude_exit_code" | "duration_ms" | "success" | "tokens" | "cost_usd"
> & { key_id: string };

/** The line of a tool call that was decided, has expired or was withdrawn. */
export type ApprovalAuditLine = With<"session_id" | "turn_id" | "approval_id"> & { key_id: string };

/** The line of a request that was let in and answered. */
export type RequestAuditLine = With<"method" | "path" | "status"> & { key_id: string };

/** The line of a request that nobody was authenticated for. */
export type RefusedAuditLine = With<"method" | "path" | "status">;

/**
 * The files `<dir>/<key_id>/YYYY-MM.log`, one JSON object a line, in the month of the line's own UTC timestamp.
 * Writing a line never waits, throws or fails a turn: what can't be written is counted, the count is logged, and put
 * into the file once that can be written again.
 */
export interface AuditLog {
  turn(line: TurnAuditLine): void;
  approval(line: ApprovalAuditLine): void;
  request(line: RequestAuditLine): void;
  /** Goes to the folder `_unauthorized`, capped in rate and size; what is left out is counted there. */
  refused(line: RefusedAuditLine): void;
  /** The ids of the turns whose lines are among the last of that key's in a month, which `YYYY-MM` names. */
  latestTurns(keyId: string, month: string): Promise<ReadonlySet<string>>;
  /** Resolves when every line so far is in its file or was given up. */
  flush(): Promise<void>;
  /** Flushes; later lines are ignored. */
  close(): Promise<void>;
}
