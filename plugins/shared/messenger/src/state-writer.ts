import { randomUUID } from "node:crypto";
import type { PluginScope, PluginStore, StoreChange } from "@claudeway/core";

/** What a state is written with. */
export interface StateWriterOptions {
  readonly store: Pick<PluginStore, "get" | "write">;
  /** Message ids are valid in one chat: each has a state of its own. */
  readonly name: string;
  readonly log: Pick<PluginScope["log"], "error">;
}

/** Changes of one write, besides the one that names the owner of the chat. */
const MAX_CHANGES = 99;
/** The entry that names the owner of the chat. */
const MINE = "owner";
const REASONS = { conflict: "another gateway has the chat now", full: "the store is full" } as const;

/** Writes what changes in the state of a chat to the ledger, as long as the chat is this gateway's. */
export class StateWriter {
  readonly #changes = new Map<string, object | undefined>();
  #writing: Promise<void> | undefined;
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
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when all changes so far would survive a kill. Errors of the ledger are logged, never thrown. */
  async saved(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    // Simultaneous changes are written together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#changes.size > 0) {
      const batch = [...this.#changes].slice(0, MAX_CHANGES);
      for (const [key] of batch) this.#changes.delete(key);
      await this.#write(
        batch.map(([key, value]) => (value === undefined ? { key, delete: true } : { key, value })),
      );
    }
    this.#writing = undefined;
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

  async #write(changes: readonly StoreChange[]): Promise<void> {
    const { store, log } = this.options;
    try {
      let result = await store.write(this.#claimed(changes));
      if (!result.ok && result.reason === "conflict" && (await this.#isMine()))
        result = await store.write(this.#claimed(changes));
      if (!result.ok) log.error(`cannot store the bot's state: ${REASONS[result.reason]}`);
      else if (this.#mine !== undefined) this.#mine = result.versions[0];
    } catch (error) {
      log.error({ err: error }, "cannot store the bot's state; changes will be lost at a restart");
    }
  }
}
