import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { PluginScope, PluginStore, StoreChange } from "@claudeway/core";
import { waitBefore } from "./failures.js";

/** What a state is written with. */
export interface StateWriterOptions {
  readonly store: Pick<PluginStore, "get" | "write">;
  /** Message ids are valid in one chat: each has a state of its own. */
  readonly name: string;
  readonly log: Pick<PluginScope["log"], "error">;
  /** Once it is aborted, no write is repeated by itself. */
  readonly signal?: AbortSignal;
}

/** Changes of one write, besides the one that names the owner of the chat. */
const MAX_CHANGES = 99;
/** The entry that names the owner of the chat. */
const MINE = "owner";
const REASONS = { conflict: "another gateway has the chat now", full: "the store is full" } as const;

/** Writes what changes in the state of a chat to the ledger, as long as the chat is this gateway's. */
export class StateWriter {
  /** What is not stored yet. */
  readonly #changes = new Map<string, object | undefined>();
  #writing: Promise<boolean> | undefined;
  /** Writes that failed in a row. */
  #failures = 0;
  #repeating = false;
  /** The version of the entry that names the owner of the chat; undefined on a single machine. */
  #mine: number | undefined;
  readonly #token = randomUUID();

  constructor(private readonly options: StateWriterOptions) {}

  /** From now on, a gateway that had the chat before can't write to its state. */
  async takeOver(): Promise<void> {
    const result = await this.options.store.write([{ key: this.#mineKey, value: this.#token }]);
    // Without the entry, it would write beside the next one that leads.
    if (!result.ok) throw new Error(`cannot take over the bot's state: ${REASONS[result.reason]}`);
    this.#mine = result.versions[0];
  }

  /** Schedules the write of an entry; undefined deletes it. */
  change(id: string, value: object | undefined): void {
    const key = `${this.options.name}/${id}`;
    this.#changes.delete(key);
    this.#changes.set(key, value);
    this.#begin();
  }

  /**
   * Resolves when all changes so far would survive a kill; to false if some can't be stored now. Errors of the ledger are
   * logged, never thrown.
   */
  async saved(): Promise<boolean> {
    this.#begin();
    let stored = true;
    while (this.#writing !== undefined) stored = (await this.#writing) && stored;
    return stored;
  }

  #begin(): void {
    if (this.#changes.size > 0) this.#writing ??= this.#writeAll();
  }

  /** Resolves to false if not all is stored. */
  async #writeAll(): Promise<boolean> {
    // Simultaneous changes are written together.
    await new Promise((resolve) => setImmediate(resolve));
    let stored = true;
    let most = MAX_CHANGES;
    while (this.#changes.size > 0) {
      const batch = [...this.#changes].slice(0, most);
      const result = await this.#write(
        batch.map(([key, value]) => (value === undefined ? { key, delete: true } : { key, value })),
      );
      if (result !== "stored") stored = false;
      if (result === "failed") break;
      // One of them may be refused: the others must not be lost with it.
      const isSplit = result === "refused" && batch.length > 1;
      most = isSplit ? 1 : Math.min(2 * most, MAX_CHANGES);
      if (isSplit) continue;
      // What has changed meanwhile is written again.
      for (const [key, value] of batch) if (this.#changes.get(key) === value) this.#changes.delete(key);
    }
    this.#writing = undefined;
    return stored;
  }

  /** Writes again what a write that failed has left, unless a change does so before. */
  #repeatLater(): void {
    const { signal } = this.options;
    if (this.#repeating) return;
    this.#repeating = true;
    sleep(waitBefore(this.#failures++), undefined, { signal, ref: false })
      .then(() => {
        this.#repeating = false;
        this.#begin();
      })
      .catch(() => undefined);
  }

  get #mineKey(): string {
    return `${this.options.name}/${MINE}`;
  }

  /** The changes, and that the chat is still this gateway's. */
  #claimed(changes: readonly StoreChange[]): readonly StoreChange[] {
    if (this.#mine === undefined) return changes;
    return [{ key: this.#mineKey, value: this.#token, expected: this.#mine }, ...changes];
  }

  /** An earlier write whose outcome was unknown may have raised the version. True if the chat is still this gateway's. */
  async #isMine(): Promise<boolean> {
    const entry = await this.options.store.get(this.#mineKey);
    if (entry?.value !== this.#token) return false;
    this.#mine = entry.version;
    return true;
  }

  /** `refused`: it would be again. `lost`: another gateway has the chat. `failed`: it is repeated. */
  async #write(changes: readonly StoreChange[]): Promise<"stored" | "refused" | "lost" | "failed"> {
    const { store, log } = this.options;
    try {
      let result = await store.write(this.#claimed(changes));
      if (!result.ok && result.reason === "conflict" && (await this.#isMine()))
        result = await store.write(this.#claimed(changes));
      this.#failures = 0;
      if (!result.ok) {
        log.error(`cannot store the bot's state: ${REASONS[result.reason]}`);
        return result.reason === "conflict" ? "lost" : "refused";
      }
      if (this.#mine !== undefined) this.#mine = result.versions[0];
      return "stored";
    } catch (error) {
      // The store's word for a value that it never accepts.
      const isRefused = error instanceof RangeError || error instanceof TypeError;
      log.error({ err: error }, "cannot store the bot's state; changes will be lost at a restart");
      if (!isRefused) this.#repeatLater();
      return isRefused ? "refused" : "failed";
    }
  }
}
