import type {
  AuditEvent,
  AuditQuery,
  CostGrouping,
  CostPeriod,
  Instant,
  KeyTotals,
  NodeWorkload,
  Overview,
  StatisticsRange,
  TurnQuery,
  TurnRecord,
  TurnSearchPage,
  TurnStatistics,
} from "@claudeway/ports";
import type { AuditLine, TurnResponse } from "@claudeway/schemas";

/** Read access to turns and costs in the ledger. */
export interface LedgerView {
  overview(): Promise<Overview>;
  /** The total usage of every key with an ended turn, by id. */
  byKey(): Promise<readonly KeyTotals[]>;
  /**
   * The usage of the latest `limit` days, weeks or months with turns (default: 30, 26 or 24), oldest first. The last
   * one is today's only if a turn has ended today; check its `period`.
   */
  costs(groupBy: CostGrouping, limit?: number): Promise<readonly CostPeriod[]>;
  /** Searches the turns of all keys, sessions and tasks, latest first. */
  turns(query: TurnQuery): Promise<TurnSearchPage>;
  /**
   * What became of the turns that were begun in a range of at most 24 hours. Reads them all, so ask for an hour at a time
   * where there are many, and keep what is complete.
   */
  statistics(range: StatisticsRange): Promise<TurnStatistics>;
  /** Undefined if the turn does not exist. */
  turn(id: string): Promise<TurnRecord | undefined>;
  /** Turns that have begun, not ended, and are not parked, oldest first. */
  running(): Promise<readonly TurnRecord[]>;
  /** The response of an ended turn. */
  response(turnId: string): Promise<TurnResponse | undefined>;
  /** The work of the nodes of a cluster: what each has to do, and how many sessions it took over since. */
  workload(since: Instant): Promise<readonly NodeWorkload[]>;
  /**
   * The audit log's lines of turns that ended, or of approvals that were settled, latest first, at whatever gateway: as
   * the ledger has them. On a single machine, read the files.
   */
  auditLines(kind: "turn" | "approval", query: AuditQuery): Promise<readonly LedgerLine[]>;
}

/** A line of the audit log that was made from the ledger. */
export interface LedgerLine extends AuditEvent {
  readonly line: AuditLine;
}
