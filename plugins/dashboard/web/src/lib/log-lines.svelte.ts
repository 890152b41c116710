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
    await this.#fetch({}, filter);
  }

  older(): Promise<void> {
    return this.#fetch({ before: this.before }, this.#filter);
  }

  /** Fetches lines written since. */
  async newer(): Promise<void> {
    if (this.busy) return;
    const newest = this.entries[0];
    const { before } = this;
    await this.#fetch(newest === undefined ? {} : { after: slackBefore(newest.timestamp) }, this.#filter);
    // The cursor for older lines is unchanged.
    if (newest !== undefined) this.before = before;
  }

  async #fetch(part: Readonly<Record<string, string | null>>, filter: LogFilter): Promise<void> {
    this.busy = true;
    try {
      const page = await get<LogPage>(`logs${queryOf({ ...filter, ...part, limit: PAGE })}`);
      if (filter !== this.#filter) return;
      this.entries = merged(this.entries, page.entries);
      this.before = page.before;
      this.folders = page.folders;
      this.missing = page.missing ?? [];
      this.searchedBytes += page.read_bytes;
      this.error = "";
    } catch (error) {
      this.error = messageOf(error);
    } finally {
      this.busy = false;
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
