import { hash } from "node:crypto";
import { type PluginStore, Refusal, type StoreEntry } from "@claudeway/core";
import type { McpSession, RequestId } from "./session.js";

/** How long a cancellation is kept for the gateway that answers the request: several looks of it, in ms. */
const CANCELLED_MS = 60_000;
/** Cancellations of a key that a gateway keeps at once: as many as the requests of a key that one may be answering. */
const MAX_CANCELLED = 256;
/** After this time, in ms, a use of a session is written again. Sessions that are answering are looked at each minute. */
const USE_MS = 50_000;

/** The protocol sessions of all gateways on one ledger: a client's requests may arrive at any of them. */
export class SharedSessions {
  /** When the record of a session was written here, in ms. */
  readonly #written = new Map<string, number>();
  /** When the cancellations of each key were written here, in ms. */
  readonly #cancelled = new Map<string, readonly number[]>();

  constructor(
    private readonly store: PluginStore,
    private readonly idleMs: number,
  ) {}

  /** False: the store has no room. */
  async add(id: string, keyId: string): Promise<boolean> {
    return this.#write(id, keyId, null);
  }

  /** Writes the record of a session, unless it has another version by now. */
  async #write(id: string, keyId: string, expected: number | null): Promise<boolean> {
    this.#written.set(id, Date.now());
    return (await this.store.set(keyOf(id, keyId), true, { ttlMs: this.idleMs, expected })).ok;
  }

  /** Whether the key has such a session; it counts as used then. */
  async has(id: string, keyId: string): Promise<boolean> {
    const entry = UUID.test(id) ? await this.store.get(keyOf(id, keyId)) : undefined;
    if (entry === undefined) return false;
    // Not if it was ended meanwhile.
    if (Date.now() - (this.#written.get(id) ?? 0) > Math.min(this.idleMs / 2, USE_MS))
      await this.#write(id, keyId, entry.version);
    return true;
  }

  /** The sessions of a key, at all gateways, the longest unused first. */
  async idsOf(keyId: string): Promise<string[]> {
    const prefix = keyOf("", keyId);
    const found: StoreEntry[] = [];
    let after: string | undefined;
    do {
      const page = await this.store.list(prefix, after === undefined ? {} : { after });
      found.push(...page.entries);
      after = page.next;
    } while (after !== undefined);
    // Each write has a higher version than those before it.
    return found.sort((a, b) => a.version - b.version).map(({ key }) => key.slice(prefix.length));
  }

  /** Ends it for all gateways. */
  async delete(id: string, keyId: string): Promise<void> {
    this.forget(id);
    await this.store.delete(keyOf(id, keyId));
  }

  /** This gateway does not have it any more. */
  forget(id: string): void {
    this.#written.delete(id);
  }

  /** Another gateway may be answering the request. Throws if the key has cancelled too many lately. */
  async cancel({ id, keyId }: Pick<McpSession, "id" | "keyId">, requestId: RequestId): Promise<void> {
    const now = Date.now();
    const kept = (this.#cancelled.get(keyId) ?? []).filter((at) => at > now - CANCELLED_MS);
    if (kept.length >= MAX_CANCELLED) throw tooManyCancelled();
    this.#cancelled.set(keyId, [...kept, now]);
    const { ok } = await this.store.set(cancelledKeyOf(id, requestId), true, { ttlMs: CANCELLED_MS });
    if (!ok) throw tooManyCancelled();
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

/** The id of a key has no slash. */
function keyOf(id: string, keyId: string): string {
  return `session/${keyId}/${id}`;
}

/** A client may choose ids of any length. */
function cancelledKeyOf(id: string, requestId: RequestId): string {
  const digest = hash("sha256", JSON.stringify(requestId), "base64url");
  return `cancelled/${id}/${digest}`;
}

function tooManyCancelled(): Refusal {
  return new Refusal(429, "too many MCP requests were cancelled; try again", { retryAfterSecs: 10 });
}
