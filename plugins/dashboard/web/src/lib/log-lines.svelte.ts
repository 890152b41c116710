import { get, messageOf, queryOf } from "./api.js";
import type { LogEntry, LogPage } from "./types.js";

export interface LogFilter {
  readonly key_id: string;
  readonly level: string;
  readonly kind: string;
  readonly search: string;
  readonly date: string;
}

/** Lines kept on the page. */
const MAX_LINES = 5000;
const PAGE = 200;

/** Log lines, newest first. New lines are added on top; older ones are fetched on request. */
export class LogLines {
  entries = $state.raw<readonly LogEntry[]>([]);
  folders = $state.raw<readonly string[]>([]);
  error = $state("");
  busy = $state(false);
  /** Cursor of the older lines; null if there are none. */
  before = $state<string | null>(null);
  searchedBytes = $state(0);
  /** Gateways whose lines of requests are missing. */
  missing = $state.raw<readonly string[]>([]);
  #filter: LogFilter = { key_id: "", level: "", kind: "", search: "", date: "" };

  /** Starts over with another filter. */
  async show(filter: LogFilter): Promise<void> {
    this.#filter = filter;
    this.entries = [];
    this.before = null;
    this.searchedBytes = 0;
    await this.#add(null);
  }

  older(): Promise<void> {
    return this.#add(this.before);
  }

  /** Fetches lines written since. */
  async newer(): Promise<void> {
    if (this.busy) return;
    const newest = this.entries[0];
    if (newest === undefined) return this.#add(null);
    const page = await this.#fetch({ after: slackBefore(newest.timestamp) });
    if (page === undefined) return;
    const known = new Set(this.entries.map(({ id }) => id));
    // More were written than a page has: lines in between would be missing.
    if (page.before !== null && !page.entries.some(({ id }) => known.has(id))) await this.show(this.#filter);
    else this.entries = merged(this.entries, page.entries);
  }

  /** Fetches the page before a cursor, or the newest one. */
  async #add(before: string | null): Promise<void> {
    const page = await this.#fetch({ before });
    if (page === undefined) return;
    this.entries = merged(this.entries, page.entries);
    this.before = page.before;
  }

  /** Undefined: it failed, or another filter was chosen meanwhile. */
  async #fetch(part: Readonly<Record<string, string | null>>): Promise<LogPage | undefined> {
    const filter = this.#filter;
    this.busy = true;
    try {
      const page = await get<LogPage>(`logs${queryOf({ ...filter, ...part, limit: PAGE })}`);
      if (filter !== this.#filter) return undefined;
      this.folders = page.folders;
      this.missing = page.missing ?? [];
      this.searchedBytes += page.read_bytes;
      this.error = "";
      return page;
    } catch (error) {
      if (filter === this.#filter) this.error = messageOf(error);
      return undefined;
    } finally {
      if (filter === this.#filter) this.busy = false;
    }
  }
}

function merged(known: readonly LogEntry[], found: readonly LogEntry[]): LogEntry[] {
  const byId = new Map([...known, ...found].map((entry) => [entry.id, entry]));
  const entries = [...byId.values()].sort((a, b) =>
    a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0,
  );
  return entries.slice(0, MAX_LINES);
}

/** Lines with the same timestamp may arrive separately: the last seconds are requested again and duplicates dropped. */
function slackBefore(timestamp: string): string {
  return new Date(Date.parse(timestamp) - 5000).toISOString();
}
