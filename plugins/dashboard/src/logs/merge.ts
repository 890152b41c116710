import type { LogEntry } from "./entries.js";

/** How many bytes one response may read from all sources together. */
export interface ReadBudget {
  left: number;
}

/** Matching entries, newest first. */
export interface EntrySource {
  /** The newest entry that was not returned yet. */
  readonly head: LogEntry | undefined;
  /** Whether there is nothing older. */
  readonly isAtEnd: boolean;
  /** Finds the next head; there is none at the end or when the budget is used up. */
  advance(): Promise<void>;
}

/** The newest entries of all sources. */
export async function merge(
  sources: readonly EntrySource[],
  limit: number,
  budget: ReadBudget,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  while (entries.length < limit) {
    const newest = newestOf(sources);
    if (newest?.head === undefined) break;
    entries.push(newest.head);
    await newest.advance();
    // A source that ran out of budget may hold a newer line than the others.
    if (budget.left <= 0 && newest.head === undefined && !newest.isAtEnd) break;
  }
  return entries;
}

function newestOf(sources: readonly EntrySource[]): EntrySource | undefined {
  let newest: EntrySource | undefined;
  for (const source of sources) {
    if (source.head === undefined) continue;
    if (newest?.head === undefined || source.head.timestamp > newest.head.timestamp) newest = source;
  }
  return newest;
}
