import type { PluginScope } from "@claudeway/core";
import type { OnRevoke } from "./config.js";
import type { Issued, KeyDirectory } from "./directory.js";
import type { KeySettings } from "./fields.js";
import type { VirtualKey } from "./key.js";
import type { LastUse } from "./last-use.js";
import type { RevokedTurns } from "./revoked-turns.js";

export interface KeyActionsParts {
  readonly directory: KeyDirectory;
  readonly lastUse: Pick<LastUse, "forget">;
  readonly revoked: Pick<RevokedTurns, "cancel">;
  readonly onRevoke: OnRevoke;
  readonly log: Pick<PluginScope["log"], "info">;
}

/** What the admin does with keys. Every action is in the log, with who did it. `by` is the id of their key. */
export class KeyActions {
  constructor(private readonly parts: KeyActionsParts) {}

  get(id: string): VirtualKey | undefined {
    return this.parts.directory.get(id);
  }

  async create(settings: KeySettings, by: string): Promise<Issued> {
    const issued = await this.parts.directory.create(settings, by);
    this.#note("created", issued.key.id, by);
    return issued;
  }

  async change(
    id: string,
    change: (key: VirtualKey) => Pick<VirtualKey, "settings">,
    by: string,
  ): Promise<VirtualKey> {
    const key = await this.parts.directory.update(id, change);
    this.#note("changed", id, by);
    return key;
  }

  async rotate(id: string, graceSecs: number, by: string): Promise<Issued> {
    const issued = await this.parts.directory.rotate(id, graceSecs);
    this.#note("rotated", id, by);
    return issued;
  }

  async enable(id: string, by: string): Promise<VirtualKey> {
    const key = await this.parts.directory.update(id, () => ({ enabled: true }));
    this.#note("enabled", id, by);
    return key;
  }

  /** Resolves to the key and how many of its turns were interrupted. */
  async disable(id: string, by: string, running = this.parts.onRevoke) {
    const key = await this.parts.directory.update(id, () => ({ enabled: false }));
    this.#note("disabled", id, by);
    return { key, cancelled: await this.#end(id, running) };
  }

  /** Resolves to how many of its turns were interrupted. */
  async delete(id: string, by: string, running = this.parts.onRevoke): Promise<number> {
    await this.parts.directory.delete(id);
    this.parts.lastUse.forget(id);
    this.#note("deleted", id, by);
    return this.#end(id, running);
  }

  async #end(id: string, running: OnRevoke): Promise<number> {
    return running === "cancel" ? this.parts.revoked.cancel(id) : 0;
  }

  #note(action: string, keyId: string, by: string): void {
    this.parts.log.info({ key_id: keyId, by, action }, `key ${keyId}: ${action}`);
  }
}
