import { type LogEntry, type LogFilter, LogReader } from "./entries.js";
import { logFolders, monthFiles } from "./files.js";
import { merge, type ReadBudget } from "./merge.js";
import { LogSource } from "./source.js";

/** Bytes read per request, so that a search is quick. Another request continues where this one stopped. */
const BUDGET_BYTES = 48 * 1024 * 1024;

export interface LogQuery extends LogFilter {
  /** If not set: all keys, and refused requests. */
  readonly keyId?: string | undefined;
  readonly limit: number;
  /** Where an earlier response stopped, by folder. */
  readonly before?: Readonly<Record<string, number>> | undefined;
}

/** Lines of this machine's files. */
export interface FilePage {
  /** Newest first. */
  readonly entries: readonly LogEntry[];
  readonly readBytes: number;
  /** Cursor for older entries; undefined if there are none. */
  readonly before: Readonly<Record<string, number>> | undefined;
}

/** Reads a month's logs backwards, as far as the page needs. */
export async function searchLogs(logDir: string, query: LogQuery): Promise<FilePage> {
  const folders = (await logFolders(logDir)).filter(
    (name) => query.keyId === undefined || name === query.keyId,
  );
  const files = await monthFiles(logDir, folders, query.date.slice(0, 7));
  const budget: ReadBudget = { left: BUDGET_BYTES };
  const reader = new LogReader(query);
  const sources: LogSource[] = [];
  try {
    for (const file of files) {
      const end = query.before === undefined ? file.size : (query.before[file.folder] ?? 0);
      if (end > 0) sources.push(await LogSource.open(file, reader, budget, end));
    }
    const entries = await merge(sources, query.limit, budget);
    const readBytes = BUDGET_BYTES - budget.left;
    return { entries, readBytes, before: cursorOf(sources) };
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

function cursorOf(sources: readonly LogSource[]): Record<string, number> | undefined {
  const left = sources.map((source) => [source.file.folder, source.resume] as const);
  const unread = left.filter(([, position]) => position > 0);
  return unread.length === 0 ? undefined : Object.fromEntries(unread);
}
