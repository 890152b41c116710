import type { PluginStore, StoreChange } from "@claudeway/core";
import { entriesIn } from "./entries.js";

/** The prefixes of entries in the store, each before the id of a key. */
export const KEY = "keys/";
export const LAST_USE = "used/";
export const CANCELLED = "cancelled/";
const DELETED = "deleted/";
/** Written with every change of keys, so that other gateways notice. */
export const CHANGED = { key: "changed", value: true } as const;

/** Of deleted keys that are remembered. Ids are random, so that forgetting the oldest gives none of them away. */
const MAX_DELETED = 20_000;

/** The ids of deleted keys: turns that plugins begin for them are refused, rather than run without limits. */
export class Tombstones {
  /** The oldest first. */
  readonly #ids = new Set<string>();

  constructor(private readonly store: Pick<PluginStore, "list" | "write">) {}

  async load(): Promise<void> {
    const entries = await entriesIn(this.store, DELETED);
    const found = entries.map(({ key, value }) => ({ id: key.slice(DELETED.length), at: String(value) }));
    found.sort((one, other) => (one.at < other.at ? -1 : 1));
    this.#ids.clear();
    for (const { id } of found) this.#ids.add(id);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /**
   * Removes a key from the store and remembers that there was one. `version` is that of its entry; false if the entry has
   * another version.
   */
  async bury(id: string, version: number): Promise<boolean> {
    const [oldest] = this.#ids.size < MAX_DELETED ? [] : this.#ids;
    const changes: StoreChange[] = [
      { key: KEY + id, delete: true, expected: version },
      { key: LAST_USE + id, delete: true },
      { key: DELETED + id, value: new Date().toISOString() },
      CHANGED,
      ...(oldest === undefined ? [] : [{ key: DELETED + oldest, delete: true } as const]),
    ];
    const result = await this.store.write(changes);
    if (!result.ok) return false;
    if (oldest !== undefined) this.#ids.delete(oldest);
    this.#ids.add(id);
    return true;
  }
}
