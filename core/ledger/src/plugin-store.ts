import type { StoredChange, StoredEntry, StoredWrite, StoreResult } from "@claudeway/ports";
import { instant, integer, type Row, text } from "./rows.js";
import type { Sql, Work } from "./sql.js";

/** Follows every key that begins with a prefix: keys do not contain it. */
const LAST = "\u{10ffff}";

export class PluginStoreTable {
  /** The number of rows of each plugin that has written, if no other process writes to the ledger. */
  readonly #counts = new Map<string, number>();
  readonly #live: string;

  constructor(private readonly sql: Sql) {
    this.#live = `(expires_at IS NULL OR expires_at > ${sql.dialect.alone ? "?" : sql.dialect.now})`;
  }

  *get(plugin: string, key: string): Work<StoredEntry | undefined> {
    const row = yield* this.sql.one(
      `SELECT * FROM plugin_store WHERE plugin = ? AND key = ? AND ${this.#live}`,
      plugin,
      key,
      ...this.#now(),
    );
    return row && toEntry(row);
  }

  *list(
    plugin: string,
    {
      prefix,
      after,
      limit,
    }: { readonly prefix: string; readonly after: string | undefined; readonly limit: number },
  ): Work<StoredEntry[]> {
    const rows = yield* this.sql.all(
      `SELECT * FROM plugin_store WHERE plugin = ? AND key >= ? AND key < ? AND key > ? AND ${this.#live} ORDER BY key LIMIT ?`,
      plugin,
      prefix,
      prefix + LAST,
      after ?? "",
      ...this.#now(),
      limit,
    );
    return rows.map(toEntry);
  }

  *write(plugin: string, { changes, maxEntries }: StoredWrite): Work<StoreResult> {
    try {
      return yield* this.sql.transaction(this.#write(plugin, changes, maxEntries));
    } catch (error) {
      this.#counts.delete(plugin);
      throw error;
    }
  }

  *#write(plugin: string, changes: readonly StoredChange[], maxEntries: number): Work<StoreResult> {
    yield* this.sql.lock([`store of ${plugin}`]);
    const now = yield* this.sql.now();
    yield* this.#removeExpired(plugin, now);
    let growth = 0;
    for (const { key, json, expected } of changes) {
      const version = yield* this.#versionOf(plugin, key);
      if (expected !== undefined && version !== (expected ?? undefined))
        return { ok: false, reason: "conflict", key, version };
      growth += (json === undefined ? 0 : 1) - (version === undefined ? 0 : 1);
    }
    const count = (yield* this.#count(plugin)) + growth;
    if (growth > 0 && count > maxEntries) return { ok: false, reason: "full" };
    const versions = [];
    for (const change of changes) versions.push(yield* this.#apply(plugin, change, now));
    if (this.sql.dialect.alone) this.#counts.set(plugin, count);
    return { ok: true, versions };
  }

  *#apply(plugin: string, { key, json, ttlMs }: StoredChange, now: number): Work<number | undefined> {
    const deleted = yield* this.sql.one(
      "DELETE FROM plugin_store WHERE plugin = ? AND key = ? RETURNING version",
      plugin,
      key,
    );
    if (json === undefined) return deleted && integer(deleted, "version");
    // A new row gets a new version, which the database never gives twice.
    const row = yield* this.sql.one(
      "INSERT INTO plugin_store (plugin, key, json, expires_at) VALUES (?, ?, ?, ?) RETURNING version",
      plugin,
      key,
      json,
      ttlMs === undefined ? null : now + ttlMs,
    );
    return row && integer(row, "version");
  }

  /** The value of `#live`. */
  #now(): readonly number[] {
    return this.sql.dialect.alone ? [Date.now()] : [];
  }

  *#removeExpired(plugin: string, now: number): Work<void> {
    const removed = yield* this.sql.run(
      "DELETE FROM plugin_store WHERE plugin = ? AND expires_at <= ?",
      plugin,
      now,
    );
    if (removed > 0) this.#counts.delete(plugin);
  }

  *#versionOf(plugin: string, key: string): Work<number | undefined> {
    const row = yield* this.sql.one(
      "SELECT version FROM plugin_store WHERE plugin = ? AND key = ?",
      plugin,
      key,
    );
    return row && integer(row, "version");
  }

  *#count(plugin: string): Work<number> {
    const known = this.#counts.get(plugin);
    if (known !== undefined) return known;
    const row = yield* this.sql.one("SELECT count(*) AS n FROM plugin_store WHERE plugin = ?", plugin);
    return row === undefined ? 0 : integer(row, "n");
  }
}

function toEntry(row: Row): StoredEntry {
  return {
    key: text(row, "key"),
    json: text(row, "json"),
    version: integer(row, "version"),
    expiresAt: row["expires_at"] === null ? undefined : instant(row, "expires_at"),
  };
}
