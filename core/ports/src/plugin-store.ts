/*
 * Small state of plugins, in the ledger. Every call is one transaction. A ledger on another database must keep three
 * promises: a version is never used twice, also after a delete; keys are ordered by their UTF-8 bytes; an entry expires
 * by the database's clock.
 */

/** A value as the ledger stores it. */
export interface StoredEntry {
  readonly key: string;
  readonly json: string;
  /** Higher with every write of the key. */
  readonly version: number;
  /** ISO 8601, UTC. */
  readonly expiresAt: string | undefined;
}

export interface StoredChange {
  readonly key: string;
  /** Undefined deletes the key. */
  readonly json: string | undefined;
  /** The version that the key must have, or null if it must not exist; undefined for any. */
  readonly expected: number | null | undefined;
  /** Milliseconds until it expires; undefined for never. */
  readonly ttlMs: number | undefined;
}

export interface StoredWrite {
  readonly changes: readonly StoredChange[];
  /** A write that would make the plugin's entries more than this changes nothing. */
  readonly maxEntries: number;
}

/** The outcome of a write. If it is not `ok`, nothing was changed. */
export type StoreResult =
  /** In the order of the changes: the new version, or that of the deleted entry, undefined if there was none. */
  | { readonly ok: true; readonly versions: readonly (number | undefined)[] }
  /** `key` does not have the expected version; `version` is the one it has, undefined if it does not exist. */
  | {
      readonly ok: false;
      readonly reason: "conflict";
      readonly key: string;
      readonly version: number | undefined;
    }
  /** The plugin has as many entries as it may have. */
  | { readonly ok: false; readonly reason: "full" };

export interface PluginStoreBook {
  get(plugin: string, key: string): Promise<StoredEntry | undefined>;
  /** All changes or none. Each key may occur once. */
  write(plugin: string, write: StoredWrite): Promise<StoreResult>;
  /** Entries whose keys begin with `prefix` and follow `after`, in the order of their keys. */
  list(
    plugin: string,
    query: { readonly prefix: string; readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StoredEntry[]>;
}
