import type { PluginScope, PluginStore, StoreChange } from "@claudeway/core";
import { entriesIn } from "./entries.js";
import { LAST_USE } from "./tombstones.js";

/** How often uses are written, in ms: at most once for each key, never for each request. */
const WRITE_EVERY_MS = 60_000;
/** Of one write to the store. */
const MAX_CHANGES = 100;

/** When each key was last used. */
export class LastUse {
  /** In ms since 1970. */
  readonly #times = new Map<string, number>();
  readonly #unwritten = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly store: Pick<PluginStore, "list" | "write">,
    private readonly log: Pick<PluginScope["log"], "warn">,
    /** Other gateways note uses of the same keys. */
    private readonly shared: boolean,
  ) {
    this.#timer = setInterval(() => void this.#write(), WRITE_EVERY_MS).unref();
  }

  async load(): Promise<void> {
    for (const { key, value } of await entriesIn(this.store, LAST_USE)) {
      const id = key.slice(LAST_USE.length);
      if (typeof value === "number") this.#times.set(id, Math.max(value, this.#times.get(id) ?? 0));
    }
  }

  note(keyId: string): void {
    this.#times.set(keyId, Date.now());
    this.#unwritten.add(keyId);
  }

  /** ISO 8601, UTC; null if it was never used. */
  of(keyId: string): string | null {
    const time = this.#times.get(keyId);
    return time === undefined ? null : new Date(time).toISOString();
  }

  /** For a deleted key. */
  forget(keyId: string): void {
    this.#times.delete(keyId);
    this.#unwritten.delete(keyId);
  }

  /** For keys that other gateways deleted. */
  forgetDeleted(isDeleted: (keyId: string) => boolean): void {
    for (const keyId of [...this.#times.keys()]) if (isDeleted(keyId)) this.forget(keyId);
  }

  /** Writes what is not written yet, and no more afterwards. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#write();
  }

  async #write(): Promise<void> {
    // Uses that are noted meanwhile are of the next time: those of a busy key would never end.
    const left = [...this.#unwritten];
    this.#unwritten.clear();
    try {
      if (this.shared) await this.load();
      while (left.length > 0) {
        const { ok } = await this.store.write(left.slice(0, MAX_CHANGES).map((id) => this.#changeOf(id)));
        if (!ok) throw new Error("the store of keys is full");
        left.splice(0, MAX_CHANGES);
      }
    } catch (error) {
      for (const id of left) this.#unwritten.add(id);
      this.log.warn({ err: error }, "the last uses of keys could not be written");
    }
  }

  #changeOf(id: string): StoreChange {
    const value = this.#times.get(id);
    return value === undefined ? { key: LAST_USE + id, delete: true } : { key: LAST_USE + id, value };
  }
}
