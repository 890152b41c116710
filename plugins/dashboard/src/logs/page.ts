import type { LogEntry } from "./entries.js";

/** The answer of `GET /logs`. */
export interface LogPage {
  readonly entries: readonly LogEntry[];
  readonly total: number;
  readonly read_bytes: number;
  /** Cursor of the next page; null on the last page. */
  readonly before: string | null;
  readonly folders: readonly string[];
  /** In a cluster: the gateways that did not answer. */
  readonly missing?: readonly string[];
}
