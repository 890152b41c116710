import type { PluginStore } from "@claudeway/core";
import type { PluginStoreBook, StoredEntry } from "@claudeway/ports";
import { openPluginStore, type PluginStoreOptions } from "#kernel/plugin-store.js";

/** A plugin's store with the real checks, in memory. */
export function memoryStore(options: PluginStoreOptions = {}): PluginStore {
  const entries = new Map<string, StoredEntry>();
  let version = 0;
  const book: PluginStoreBook = {
    get: async (_plugin, key) => entries.get(key),
    async write(_plugin, { changes }) {
      for (const { key, expected } of changes) {
        const version = entries.get(key)?.version;
        if (expected !== undefined && version !== (expected ?? undefined))
          return { ok: false, reason: "conflict", key, version };
      }
      const versions = changes.map(({ key, json }) => {
        const before = entries.get(key)?.version;
        if (json === undefined) entries.delete(key);
        else entries.set(key, { key, json, version: ++version, expiresAt: undefined });
        return json === undefined ? before : version;
      });
      return { ok: true, versions };
    },
    async list(_plugin, { prefix, after = "", limit }) {
      const keys = [...entries.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      return keys.slice(0, limit).flatMap((key) => entries.get(key) ?? []);
    },
  };
  return openPluginStore(book, "test", options);
}

/** A store that is full with this many entries. */
export function smallStore(maxEntries: number): PluginStore {
  const store = memoryStore();
  const count = async () => {
    let entries = 0;
    let after: string | undefined;
    do {
      const page = await store.list("", after === undefined ? {} : { after });
      entries += page.entries.length;
      after = page.next;
    } while (after !== undefined);
    return entries;
  };
  const write: PluginStore["write"] = async (changes) => {
    const added = changes.filter((change) => "value" in change).length;
    const isFull = added > 0 && (await count()) + added > maxEntries;
    return isFull ? { ok: false, reason: "full" } : store.write(changes);
  };
  return { ...store, write, set: (key, value, options = {}) => write([{ ...options, key, value }]) };
}
