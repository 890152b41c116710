import { hash } from "node:crypto";
import { isFields } from "@claudeway/chat";
import type { PluginStore } from "@claudeway/core";
import type { RequestId } from "./session.js";

/** How long a cancellation is kept for the gateway that answers the request: several looks of it, in ms. */
const CANCELLED_MS = 60_000;

/** The protocol sessions of all gateways on one ledger: a client's requests may arrive at any of them. */
export class SharedSessions {
  /** When the record of a session was written here, in ms. */
  readonly #written = new Map<string, number>();

  constructor(
    private readonly store: PluginStore,
    private readonly idleMs: number,
  ) {}

  async add(id: string, keyId: string): Promise<void> {
    await this.#write(id, keyId, null);
  }

  /** Writes the record of a session, unless it has another version by now. */
  async #write(id: string, keyId: string, expected: number | null): Promise<void> {
    this.#written.set(id, Date.now());
    await this.store.set(keyOf(id), { keyId }, { ttlMs: this.idleMs, expected });
  }

  /** Whether the key has such a session; it counts as used then. */
  async has(id: string, keyId: string): Promise<boolean> {
    const entry = UUID.test(id) ? await this.store.get(keyOf(id)) : undefined;
    if (entry === undefined || !isFields(entry.value) || entry.value["keyId"] !== keyId) return false;
    // Not if it was ended meanwhile.
    if (Date.now() - (this.#written.get(id) ?? 0) > this.idleMs / 2)
      await this.#write(id, keyId, entry.version);
    return true;
  }

  /** Ends it for all gateways. */
  async delete(id: string): Promise<void> {
    this.forget(id);
    await this.store.delete(keyOf(id));
  }

  /** This gateway does not have it any more. */
  forget(id: string): void {
    this.#written.delete(id);
  }

  /** Another gateway may be answering the request. */
  async cancel(id: string, requestId: RequestId): Promise<void> {
    await this.store.set(cancelledKeyOf(id, requestId), true, { ttlMs: CANCELLED_MS });
  }

  /** Calls `cancelled` if another gateway is told to cancel the request, until the signal aborts. */
  async watch(
    id: string,
    requestId: RequestId,
    signal: AbortSignal,
    cancelled: () => Promise<void>,
  ): Promise<void> {
    await this.store.watch(cancelledKeyOf(id, requestId), signal, cancelled);
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function keyOf(id: string): string {
  return `session/${id}`;
}

/** A client may choose ids of any length. */
function cancelledKeyOf(id: string, requestId: RequestId): string {
  const digest = hash("sha256", JSON.stringify(requestId), "base64url");
  return `cancelled/${id}/${digest}`;
}
