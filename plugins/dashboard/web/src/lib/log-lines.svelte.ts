import { get, messageOf, queryOf } from "./api.js";
import type { LogAnswer, LogEntry } from "./types.js";

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
/** Lines may be written a little later than the time that they have: so many ms are requested again, and known ones dropped. */
const SLACK_MS = 10_000;

/** Log lines, newest first. New lines are added on top; older ones are fetched on request. */
export class LogLines {
  entries = $state.raw<readonly LogEntry[]>([]);
  folders = $state.raw<readonly string[]>([]);
  error = $state("");
  busy = $state(false);
  /** No lines are added on top. */
  paused = $state(false);
  /** Cursor of the older lines; null if there are none. */
  before = $state<string | null>(null);
  searchedBytes = $state(0);
  /** Gateways whose lines of requests are missing. */
  missing = $state.raw<readonly string[]>([]);
  #filter: LogFilter = { key_id: "", level: "", kind: "", search: "", date: "" };
  /** The gateway's time when the newest lines were asked for; not set before they have come. */
  #lookedAt: string | undefined;
  /** Lines were written while others were fetched. */
  #written = false;
  /** Older lines were asked for: someone reads them. */
  #wentBack = false;
  /** There is no room for the newest lines, or they are too many: to go on with them is to start over. */
  #isFull = false;

  /** Starts over with another filter. */
  async show(filter: LogFilter): Promise<void> {
    this.#filter = filter;
    await this.#fetching(() => this.#begin());
  }

  /** Adds older lines. If they are more than are kept, the newest make room, and it is paused. */
  older(): Promise<void> {
    return this.#fetching(async () => {
      this.#wentBack = true;
      await this.#add(this.before);
      if (this.entries.length > MAX_LINES) this.#pauseFull();
      this.entries = this.entries.slice(-MAX_LINES);
    });
  }

  async resume(): Promise<void> {
    this.paused = false;
    await this.newer();
  }

  /** Fetches lines written since, or does so when what is being fetched has come. */
  async newer(): Promise<void> {
    this.#written = this.busy;
    if (this.busy || this.paused) return;
    const time = this.#isFull ? undefined : this.#lookedAt;
    await this.#fetching(() => (time ? this.#since(time) : this.#begin()));
  }

  /** Shows the newest lines only. */
  async #begin(): Promise<void> {
    this.entries = [];
    this.before = null;
    this.searchedBytes = 0;
    this.#written = false;
    this.#wentBack = false;
    if (this.#isFull) this.paused = false;
    this.#isFull = false;
    this.#lookedAt = undefined;
    const page = await this.#add(null);
    if (page !== undefined) this.#lookedAt = page.at;
  }

  /** Fetches the page before a cursor, or the newest one. Undefined: another filter was chosen meanwhile. */
  async #add(before: string | null): Promise<LogAnswer | undefined> {
    const page = await this.#fetch({ before });
    if (page === undefined) return undefined;
    this.searchedBytes += page.read_bytes;
    this.entries = merged(this.entries, page.entries);
    this.before = page.before;
    return page;
  }

  /** Adds what was written after a time. The page's place among the older lines stays. */
  async #since(time: string): Promise<void> {
    const after = new Date(Date.parse(time) - SLACK_MS).toISOString();
    const known = new Set(this.entries.map(({ id }) => id));
    const found: LogEntry[] = [];
    let lookedAt: string | undefined;
    let before: string | null = null;
    do {
      const page = await this.#fetch({ after, before });
      if (page === undefined) return;
      lookedAt ??= page.at;
      found.push(...page.entries);
      before = page.entries.some(({ id }) => known.has(id)) ? null : page.before;
      // More were written than a page has: without a filter, the newest are what counts.
      const isFlood = before !== null && !this.#isFiltered;
      // Dropping the oldest would leave a gap before what `before` leads to.
      if (isFlood || this.entries.length + found.length > MAX_LINES)
        return this.#wentBack ? this.#pauseFull() : this.#begin();
    } while (before !== null);
    this.entries = merged(this.entries, found);
    this.#lookedAt = lookedAt;
  }

  #pauseFull(): void {
    this.#isFull = true;
    this.paused = true;
  }

  get #isFiltered(): boolean {
    const { date: _, ...filter } = this.#filter;
    return Object.values(filter).some((value) => value !== "");
  }

  /** Undefined: another filter was chosen meanwhile. */
  async #fetch(part: Readonly<Record<string, string | null>>): Promise<LogAnswer | undefined> {
    const filter = this.#filter;
    const page = await get<LogAnswer>(`logs${queryOf({ ...filter, ...part, limit: PAGE })}`);
    if (filter !== this.#filter) return undefined;
    this.folders = page.folders;
    this.missing = page.missing ?? [];
    return page;
  }

  async #fetching(fetchAll: () => Promise<unknown>): Promise<void> {
    const filter = this.#filter;
    const isCurrent = () => filter === this.#filter;
    this.busy = true;
    try {
      await fetchAll();
      if (isCurrent()) this.error = "";
    } catch (error) {
      if (isCurrent()) this.error = messageOf(error);
    }
    if (!isCurrent()) return;
    this.busy = false;
    if (this.#written) void this.newer();
  }
}

function merged(known: readonly LogEntry[], found: readonly LogEntry[]): LogEntry[] {
  const byId = new Map([...known, ...found].map((entry) => [entry.id, entry]));
  return [...byId.values()].sort((a, b) =>
    a.timestamp < b.timestamp ? 1 : a.timestamp > b.timestamp ? -1 : 0,
  );
}
