import { setTimeout as sleep } from "node:timers/promises";
import type { Instant, PluginStoreBook, StoredChange, StoredEntry, StoreResult } from "@claudeway/ports";

/** In bytes of UTF-8. */
const MAX_KEY_BYTES = 256;
/** In bytes of the value's JSON. */
const MAX_VALUE_BYTES = 64 * 1024;
/** Of one plugin. */
const MAX_ENTRIES = 100_000;
/** In one write, and on one page. */
const MAX_AT_ONCE = 100;
/** A hundred years. */
const MAX_TTL_MS = 100 * 365.25 * 86_400_000;

/** A stored value. */
export interface StoreEntry {
  readonly key: string;
  /** A JSON value. Another version of the plugin may have written it: check it before use. */
  readonly value: unknown;
  /** Higher with every write of the key, and never used twice, also after a delete. */
  readonly version: number;
  /** Undefined if it never expires. */
  readonly expiresAt: Instant | undefined;
}

export interface StoreSetOptions {
  /** The version that the key must have, or null if it must not exist. By default, any value is replaced. */
  readonly expected?: number | null;
  /** Milliseconds until the entry expires, from 1 to those of a hundred years. By default, never. */
  readonly ttlMs?: number;
}

/** One change of a `write`: sets or deletes a key. */
export type StoreChange =
  | ({ readonly key: string; readonly value: unknown } & StoreSetOptions)
  | { readonly key: string; readonly delete: true; readonly expected?: number | null | undefined };

export interface StoreListOptions {
  /** The last key of the previous page. */
  readonly after?: string;
  /** 1 to 100; default: 100. */
  readonly limit?: number;
}

export interface StorePage {
  /** In the order of the UTF-8 bytes of their keys. */
  readonly entries: readonly StoreEntry[];
  /** The `after` of the next page; undefined on the last one. */
  readonly next: string | undefined;
}

/**
 * Small state of a plugin in the ledger: it survives restarts, is in backups, and no other plugin sees it. Each call is
 * one transaction. Keys have 1 to 256 bytes of UTF-8 without control characters; values are JSON of up to 64 KiB; a
 * plugin has up to 100,000 entries. A call outside these limits rejects with a RangeError or TypeError; a ledger that
 * fails rejects with a LedgerError.
 */
export interface PluginStore {
  get(key: string): Promise<StoreEntry | undefined>;
  set(key: string, value: unknown, options?: StoreSetOptions): Promise<StoreResult>;
  /** Resolves to false if there was no such key, or it does not have the expected version. */
  delete(key: string, options?: { readonly expected?: number }): Promise<boolean>;
  /** All of 1 to 100 changes, or none of them. Each key may occur once. */
  write(changes: readonly StoreChange[]): Promise<StoreResult>;
  /** The entries whose keys begin with `prefix`; all for an empty one. */
  list(prefix: string, options?: StoreListOptions): Promise<StorePage>;
  /**
   * Calls `changed` within about a second after a change of the entry, including changes by this gateway. If `changed`
   * rejects, it is called again later. Does nothing on a single machine, where only the plugin itself writes. Call it before
   * the plugin reads what it keeps in memory. Ends when the signal is aborted: pass `kernel.signal`.
   */
  watch(key: string, signal: AbortSignal, changed: () => void | Promise<void>): Promise<void>;
}

export interface PluginStoreOptions {
  /** How often watched entries are looked at, in ms, because other gateways write to the ledger; undefined: none do. */
  readonly watchMs?: number | undefined;
}

/** Opens the part of the ledger's store that belongs to `plugin`. */
export function openPluginStore(
  book: PluginStoreBook,
  plugin: string,
  { watchMs }: PluginStoreOptions = {},
): PluginStore {
  const write = async (changes: readonly StoreChange[]): Promise<StoreResult> => {
    const checked = changes.map(toStored);
    checkCount("a write's number of changes", checked.length);
    refuseRepeatedKeys(checked);
    return book.write(plugin, { changes: checked, maxEntries: MAX_ENTRIES });
  };
  return Object.freeze({
    async get(key: string) {
      checkKey(key);
      const stored = await book.get(plugin, key);
      return stored && toEntry(stored);
    },
    set: (key: string, value: unknown, options: StoreSetOptions = {}) => write([{ ...options, key, value }]),
    async delete(key: string, { expected }: { readonly expected?: number } = {}) {
      const result = await write([{ key, delete: true, expected }]);
      return result.ok && result.versions[0] !== undefined;
    },
    write,
    async list(prefix: string, { after, limit = MAX_AT_ONCE }: StoreListOptions = {}) {
      if (prefix !== "") checkKey(prefix);
      if (after !== undefined) checkKey(after);
      checkCount("limit", limit);
      // One more than asked for tells whether there is a next page.
      const found = await book.list(plugin, { prefix, after, limit: limit + 1 });
      const entries = found.slice(0, limit).map(toEntry);
      return { entries, next: found.length > limit ? entries.at(-1)?.key : undefined };
    },
    async watch(key: string, signal: AbortSignal, changed: () => void | Promise<void>) {
      checkKey(key);
      if (watchMs === undefined || signal.aborted) return;
      const version = async () => (await book.get(plugin, key))?.version;
      void watchVersion(version, await version(), { watchMs, signal, changed });
    },
  });
}

interface Watching {
  readonly watchMs: number;
  readonly signal: AbortSignal;
  readonly changed: () => void | Promise<void>;
}

/** Never rejects: a ledger that fails, and a listener that fails, are tried again. */
async function watchVersion(
  read: () => Promise<number | undefined>,
  first: number | undefined,
  { watchMs, signal, changed }: Watching,
): Promise<void> {
  for (let known = first; ; ) {
    await sleep(watchMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const now = await read();
      if (now === known) continue;
      await changed();
      known = now;
    } catch {}
  }
}

function toEntry({ key, json, version, expiresAt }: StoredEntry): StoreEntry {
  const value: unknown = JSON.parse(json);
  return { key, value, version, expiresAt };
}

function toStored(change: StoreChange): StoredChange {
  const { key, expected } = change;
  checkKey(key);
  if (expected !== undefined && expected !== null && !Number.isSafeInteger(expected))
    throw new TypeError(`expected must be a version or null, got ${JSON.stringify(expected)}`);
  if ("delete" in change) return { key, expected, json: undefined, ttlMs: undefined };
  const { value, ttlMs } = change;
  if (ttlMs !== undefined && !(ttlMs >= 1 && ttlMs <= MAX_TTL_MS))
    throw new RangeError(`ttlMs must be from 1 to ${MAX_TTL_MS}, got ${ttlMs}`);
  return { key, expected, json: toJson(key, value), ttlMs: ttlMs && Math.ceil(ttlMs) };
}

function toJson(key: string, value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined)
    throw new TypeError(`the value of ${JSON.stringify(key)} must be JSON, got ${typeof value}`);
  const bytes = Buffer.byteLength(json);
  if (bytes > MAX_VALUE_BYTES)
    throw new RangeError(
      `the value of ${JSON.stringify(key)} must have up to ${MAX_VALUE_BYTES} bytes of JSON, got ${bytes}`,
    );
  return json;
}

// Noncharacters and lone surrogates have no place in UTF-8 text; the ledger uses the last noncharacter as a bound.
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;

function checkKey(key: string): void {
  if (typeof key !== "string") throw new TypeError(`key must be a string, got ${typeof key}`);
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > MAX_KEY_BYTES)
    throw new RangeError(`key must have 1 to ${MAX_KEY_BYTES} bytes, got ${bytes}`);
  if (FORBIDDEN.test(key))
    throw new RangeError(`key must be text without control characters, got ${JSON.stringify(key)}`);
}

function checkCount(what: string, count: number): void {
  if (!Number.isSafeInteger(count) || count < 1 || count > MAX_AT_ONCE)
    throw new RangeError(`${what} must be from 1 to ${MAX_AT_ONCE}, got ${count}`);
}

function refuseRepeatedKeys(changes: readonly StoredChange[]): void {
  const keys = new Set(changes.map(({ key }) => key));
  if (keys.size < changes.length) throw new RangeError("a write must change each key once");
}
