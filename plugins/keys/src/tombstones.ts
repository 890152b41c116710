import type { PluginStore, StoreChange } from "@claudeway/core";
import { isOnRevoke, type OnRevoke } from "./config.js";
import { entriesIn } from "./entries.js";
import { isJsonObject } from "./json-object.js";

/** The prefixes of entries in the store, each before the id of a key. */
export const KEY = "keys/";
export const LAST_USE = "used/";
export const CANCELLED = "cancelled/";
const DELETED = "deleted/";
/** Written with every change of keys, so that other gateways notice. */
export const CHANGED = { key: "changed", value: true } as const;

/** Of deleted keys that are remembered. Ids are random, so that forgetting the oldest gives none of them away. */
const MAX_DELETED = 20_000;

export interface Burial {
  /** Of the key's entry; null if it was deleted before. */
  readonly version: number | null;
  /** What the admin said about its turns. */
  readonly onRevoke: OnRevoke | undefined;
  /** Written with it. */
  readonly also: readonly StoreChange[];
}

/** The ids of deleted keys: turns that plugins begin for them are refused, rather than run without limits. */
export class Tombstones {
  /** With what the admin said about its turns, the oldest first. */
  readonly #ids = new Map<string, OnRevoke | undefined>();

  constructor(private readonly store: Pick<PluginStore, "list" | "write">) {}

  async load(): Promise<void> {
    const entries = await entriesIn(this.store, DELETED);
    const found = entries.map(({ key, value }) => ({
      id: key.slice(DELETED.length),
      ...readTombstone(value),
    }));
    found.sort((one, other) => (one.at < other.at ? -1 : 1));
    this.#ids.clear();
    for (const { id, onRevoke } of found) this.#ids.set(id, onRevoke);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  onRevokeOf(id: string): OnRevoke | undefined {
    return this.#ids.get(id);
  }

  /** Removes a key from the store and remembers that there was one. False if its entry has another version. */
  async bury(id: string, { version, onRevoke, also }: Burial): Promise<boolean> {
    const [oldest] = this.#ids.size < MAX_DELETED || this.#ids.has(id) ? [] : this.#ids.keys();
    const changes: StoreChange[] = [
      { key: KEY + id, delete: true, expected: version },
      { key: LAST_USE + id, delete: true },
      { key: DELETED + id, value: { at: new Date().toISOString(), onRevoke } },
      CHANGED,
      ...also,
      ...(oldest === undefined ? [] : [{ key: DELETED + oldest, delete: true } as const]),
    ];
    const result = await this.store.write(changes);
    if (!result.ok) return false;
    if (oldest !== undefined) this.#ids.delete(oldest);
    this.#ids.set(id, onRevoke);
    return true;
  }
}

/** Earlier versions stored the time alone. */
function readTombstone(value: unknown): { readonly at: string; readonly onRevoke: OnRevoke | undefined } {
  const { at, onRevoke } = isJsonObject(value) ? value : { at: value, onRevoke: undefined };
  return { at: String(at), onRevoke: isOnRevoke(onRevoke) ? onRevoke : undefined };
}
