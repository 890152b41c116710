import { Refusal } from "@claudeway/core";
import type { LogEntry } from "./entries.js";

/** The answer of `GET /logs`. */
export interface LogAnswer extends LogPage {
  /** The gateway's time before it read: a later request with it as `after` finds what was written since. */
  readonly at: string;
}

export interface LogPage {
  readonly entries: readonly LogEntry[];
  readonly total: number;
  readonly read_bytes: number;
  /** Cursor of the next page; null on the last page. */
  readonly before: string | null;
  readonly folders: readonly string[];
  /** In a cluster: the gateways whose files could not be read. Turns and approvals are not missing: the ledger has them. */
  readonly missing?: readonly string[];
}

export function toCursor(positions: Readonly<Record<string, unknown>>): string {
  return Buffer.from(JSON.stringify(positions)).toString("base64url");
}

/** What an earlier response gave as `before`. Throws a `Refusal` for anything else. */
export function fromCursor(cursor: string): Readonly<Record<string, unknown>> {
  const positions = parse(Buffer.from(cursor, "base64url").toString());
  if (typeof positions !== "object" || positions === null)
    throw new Refusal(400, "before must be the value from an earlier response");
  return { ...positions };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
