import { type LogEntry, type LogFilter, LogReader } from "./entries.js";
import { logFolders, monthFiles } from "./files.js";
import { LogSource, type ReadBudget } from "./source.js";

/** Enough for a search in an instant; what is older takes another request, from where this one stopped. */
const BUDGET_BYTES = 48 * 1024 * 1024;

export interface LogQuery extends LogFilter {
  /** Not set: every key's, and refused requests. */
  readonly keyId?: string | undefined;
  readonly limit: number;
  /** Where an earlier answer stopped, folder by folder. */
  readonly before?: Readonly<Record<string, number>> | undefined;
}

export interface LogPage {
  /** The newest first. */
  readonly entries: readonly LogEntry[];
  readonly readBytes: number;
  /** What to ask with for older ones; undefined: there are none. */
  readonly before: Readonly<Record<string, number>> | undefined;
}

/** Reads a month's logs from their ends, as far as the page needs. */
export async function searchLogs(logDir: string, query: LogQuery): Promise<LogPage> {
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

async function merge(sources: readonly LogSource[], limit: number, budget: ReadBudget): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  while (entries.length < limit) {
    const newest = newestOf(sources);
    if (newest?.head === undefined) break;
    entries.push(newest.head);
    await newest.advance();
    // One that could not read on may hold a newer line than the others have.
    if (budget.left <= 0 && newest.head === undefined && newest.position > 0) break;
  }
  return entries;
}

function newestOf(sources: readonly LogSource[]): LogSource | undefined {
  let newest: LogSource | undefined;
  for (const source of sources) {
    if (source.head === undefined) continue;
    if (newest?.head === undefined || source.head.timestamp > newest.head.timestamp) newest = source;
  }
  return newest;
}

function cursorOf(sources: readonly LogSource[]): Record<string, number> | undefined {
  const left = sources.map((source) => [source.file.folder, source.resume] as const);
  const unread = left.filter(([, position]) => position > 0);
  return unread.length === 0 ? undefined : Object.fromEntries(unread);
}
