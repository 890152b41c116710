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
