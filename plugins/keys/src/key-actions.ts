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
  readonly revoked: Pick<RevokedTurns, "cancel" | "cancels" | "order">;
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
    const { directory, revoked } = this.parts;
    const enabled = { enabled: true, onRevoke: undefined };
    const key = await directory.update(id, () => enabled, revoked.order(id, false));
    this.#note("enabled", id, by);
    return key;
  }

  /**
   * Resolves to the key and how many of its turns were interrupted. `running` is what the admin says about its turns;
   * undefined: what was said before holds, else `on_revoke`.
   */
  async disable(id: string, by: string, running: OnRevoke | undefined) {
    const { directory, revoked } = this.parts;
    const cancels = revoked.cancels(id, running);
    const disable = ({ onRevoke }: VirtualKey) => ({ enabled: false, onRevoke: running ?? onRevoke });
    const key = await directory.update(id, disable, revoked.order(id, cancels));
    this.#note("disabled", id, by);
    return { key, cancelled: cancels ? await revoked.cancel(id) : 0 };
  }

  /**
   * Resolves to how many of its turns were interrupted. `running` as for `disable`. May be repeated, to cancel its turns:
   * they may not have been interrupted the first time.
   */
  async delete(id: string, by: string, running: OnRevoke | undefined): Promise<number> {
    const { directory, lastUse, revoked } = this.parts;
    const cancels = revoked.cancels(id, running);
    await directory.delete(id, { onRevoke: running, again: cancels, also: revoked.order(id, cancels) });
    lastUse.forget(id);
    this.#note("deleted", id, by);
    return cancels ? revoked.cancel(id) : 0;
  }

  #note(action: string, keyId: string, by: string): void {
    this.parts.log.info({ key_id: keyId, by, action }, `key ${keyId}: ${action}`);
  }
}
