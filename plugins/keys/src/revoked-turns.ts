import {
  type LedgerView,
  type PluginScope,
  type PluginStore,
  Refusal,
  type StoreChange,
  type TurnInfo,
  type TurnRunner,
} from "@claudeway/core";
import type { OnRevoke } from "./config.js";
import type { KeyDirectory } from "./directory.js";
import { entriesIn } from "./entries.js";
import { type KeyState, stateOf } from "./key.js";
import { CANCELLED } from "./tombstones.js";

/** How soon the turns of a key that has expired are interrupted, in ms. */
const CHECK_EXPIRY_MS = 5000;
/** How long other gateways have to notice that they must interrupt a key's turns, in ms. */
const ORDER_MS = 60_000;

export interface RevokedTurnsParts {
  readonly directory: KeyDirectory;
  readonly ledger: Pick<LedgerView, "running">;
  readonly turns: Pick<TurnRunner, "follow">;
  readonly store: Pick<PluginStore, "list">;
  /** Other gateways run turns of the same keys. */
  readonly shared: boolean;
  readonly onRevoke: OnRevoke;
  readonly log: Pick<PluginScope["log"], "warn">;
}

/** What happens to the turns of keys that are deleted or disabled, or have expired. */
export class RevokedTurns {
  readonly #timer: NodeJS.Timeout | undefined;
  /** The expired keys whose turns were interrupted. */
  #interrupted: ReadonlySet<string> = new Set();

  constructor(private readonly parts: RevokedTurnsParts) {
    if (parts.onRevoke === "cancel")
      this.#timer = setInterval(() => void this.#cancelExpired(), CHECK_EXPIRY_MS).unref();
  }

  /** Refuses a turn that begins for a key that is out: a plugin began it, or it was about to begin. */
  refusalOf({ keyId }: TurnInfo): Refusal | undefined {
    const state = this.#revokedStateOf(keyId);
    return state && new Refusal(403, `the key ${keyId} ${SAYS[state]}`);
  }

  /** The same, for a turn that has begun before, and would go on: only if the turns of its key are cancelled. */
  refusalToGoOn(turn: TurnInfo): Refusal | undefined {
    return this.cancels(turn.keyId) ? this.refusalOf(turn) : undefined;
  }

  /** Whether the turns of this key are cancelled once it is revoked, where the admin says this about them. */
  cancels(keyId: string, said = this.parts.directory.onRevokeOf(keyId)): boolean {
    return (said ?? this.parts.onRevoke) === "cancel";
  }

  /**
   * Tells other gateways to interrupt the turns of a key, or no longer to do so: to be written with the change of the key,
   * so that a gateway that then fails leaves none of them untold.
   */
  order(keyId: string, cancels: boolean): readonly StoreChange[] {
    if (!this.parts.shared) return [];
    const key = CANCELLED + keyId;
    return [cancels ? { key, value: true, ttlMs: ORDER_MS } : { key, delete: true }];
  }

  /** Interrupts the turns of a revoked key that run or wait here. Resolves to the number of those at all gateways. */
  cancel(keyId: string): Promise<number> {
    return this.#cancelAll(new Set([keyId]));
  }

  /** Interrupts the turns here of keys whose turns another gateway cancelled. */
  async cancelOrdered(): Promise<void> {
    for (const { key } of await entriesIn(this.parts.store, CANCELLED)) {
      const keyId = key.slice(CANCELLED.length);
      // It may have been enabled again since.
      if (this.#revokedStateOf(keyId) !== undefined) await this.cancel(keyId);
    }
  }

  /** Resolves to the number of these keys' turns at all gateways. */
  async #cancelAll(keyIds: ReadonlySet<string>): Promise<number> {
    const running = (await this.parts.ledger.running()).filter(({ keyId }) => keyIds.has(keyId));
    for (const { id } of running) this.parts.turns.follow(id)?.interrupt();
    return running.length;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Undefined for a key that is active, or not of this plugin. */
  #revokedStateOf(keyId: string): Exclude<KeyState, "active"> | "deleted" | undefined {
    const key = this.parts.directory.get(keyId);
    if (key === undefined) return this.parts.directory.isDeleted(keyId) ? "deleted" : undefined;
    const state = stateOf(key);
    return state === "active" ? undefined : state;
  }

  /** Of keys whose turns are cancelled, whether they are also disabled or not. */
  #expiredIds(): string[] {
    const now = Date.now();
    const expired = this.parts.directory
      .list()
      .filter(({ id, settings }) => Date.parse(settings.expires_at ?? "") <= now && this.cancels(id));
    return expired.map(({ id }) => id);
  }

  async #cancelExpired(): Promise<void> {
    const expired = this.#expiredIds();
    try {
      const fresh = expired.filter((id) => !this.#interrupted.has(id));
      if (fresh.length > 0) await this.#cancelAll(new Set(fresh));
      this.#interrupted = new Set(expired);
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
