import { type LedgerView, type PluginScope, Refusal, type TurnInfo, type TurnRunner } from "@claudeway/core";
import type { OnRevoke } from "./config.js";
import type { KeyDirectory } from "./directory.js";
import { type KeyState, stateOf } from "./key.js";

/** How soon the turns of a key that has expired are interrupted, in ms. */
const CHECK_EXPIRY_MS = 5000;

export interface RevokedTurnsParts {
  readonly directory: KeyDirectory;
  readonly ledger: Pick<LedgerView, "running">;
  readonly turns: Pick<TurnRunner, "follow">;
  readonly onRevoke: OnRevoke;
  readonly log: Pick<PluginScope["log"], "warn">;
}

/** What happens to the turns of keys that are deleted or disabled, or have expired. */
export class RevokedTurns {
  readonly #timer: NodeJS.Timeout | undefined;
  #checkedAt = Date.now();

  constructor(private readonly parts: RevokedTurnsParts) {
    if (parts.onRevoke === "cancel")
      this.#timer = setInterval(() => void this.#cancelExpired(), CHECK_EXPIRY_MS).unref();
  }

  /** Refuses a turn that begins for a key that is out: a plugin began it, or it was about to begin. */
  refusalOf({ keyId }: TurnInfo): Refusal | undefined {
    const state = this.#stateOf(keyId);
    return state === undefined || state === "active"
      ? undefined
      : new Refusal(403, `the key ${keyId} ${SAYS[state]}`);
  }

  /** Interrupts the turns of a key that run or wait. Resolves to their number. */
  async cancel(keyId: string): Promise<number> {
    const running = (await this.parts.ledger.running()).filter((turn) => turn.keyId === keyId);
    for (const { id } of running) this.parts.turns.follow(id)?.interrupt();
    return running.length;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #stateOf(keyId: string): KeyState | "deleted" | undefined {
    const key = this.parts.directory.get(keyId);
    if (key !== undefined) return stateOf(key);
    return this.parts.directory.isDeleted(keyId) ? "deleted" : undefined;
  }

  async #cancelExpired(): Promise<void> {
    const [since, now] = [this.#checkedAt, Date.now()];
    this.#checkedAt = now;
    try {
      for (const { id, settings } of this.parts.directory.list()) {
        const at = Date.parse(settings.expires_at ?? "");
        if (at > since && at <= now) await this.cancel(id);
      }
    } catch (error) {
      this.parts.log.warn({ err: error }, "the turns of expired keys could not be interrupted");
    }
  }
}

const SAYS: Readonly<Record<Exclude<KeyState, "active"> | "deleted", string>> = {
  deleted: "was deleted",
  disabled: "is disabled",
  expired: "has expired",
};
