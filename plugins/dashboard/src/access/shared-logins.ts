import type { PluginStore } from "@claudeway/core";
import type { AdminSessions } from "./admin-sessions.js";

const PREFIX = "logins/";
/** Written with every logout, so that the other gateways end the login's streams. */
const ENDED = "logins_ended";
/** How long a login is trusted before the store is read again, in ms. */
const FRESH_MS = 1000;
/** The form of a token, `randomBytes(32)` as base64url: nothing else is looked up. */
const TOKEN = /^[\w-]{43}$/;

export interface SharedLoginsOptions {
  readonly sessions: AdminSessions;
  readonly store: Pick<PluginStore, "get" | "set" | "watch" | "write">;
  readonly signal: AbortSignal;
  readonly now?: () => number;
}

/** Logins of all gateways that share a ledger: what one of them opened or closed is known at the others. */
export class SharedLogins {
  /** When each login was last found in the store, by its digest. */
  readonly #seen = new Map<string, number>();
  readonly #now: () => number;

  private constructor(private readonly options: SharedLoginsOptions) {
    this.#now = options.now ?? Date.now;
  }

  static async open(options: SharedLoginsOptions): Promise<SharedLogins> {
    const logins = new SharedLogins(options);
    await options.store.watch(ENDED, options.signal, () => logins.#checkAll());
    return logins;
  }

  /** Stores a login that was opened here. */
  async opened(token: string, expiresAt: number): Promise<void> {
    const digest = this.options.sessions.digestOf(token);
    await this.options.store.set(
      PREFIX + digest,
      { expiresAt },
      { ttlMs: Math.max(1, expiresAt - this.#now()) },
    );
    this.#seen.set(digest, this.#now());
  }

  /** Removes a login that was closed here, at all gateways. */
  async closed(token: string): Promise<void> {
    const key = PREFIX + this.options.sessions.digestOf(token);
    await this.options.store.write([
      { key, delete: true },
      { key: ENDED, value: true },
    ]);
  }

  /** Makes a login known here that another gateway opened, and ends one that another gateway closed. */
  async refresh(token: string): Promise<void> {
    if (TOKEN.test(token)) await this.#check(this.options.sessions.digestOf(token), FRESH_MS);
  }

  async #checkAll(): Promise<void> {
    for (const digest of this.options.sessions.digests) await this.#check(digest, 0);
    const known = new Set(this.options.sessions.digests);
    for (const digest of this.#seen.keys()) if (!known.has(digest)) this.#seen.delete(digest);
  }

  async #check(digest: string, freshMs: number): Promise<void> {
    const { sessions, store } = this.options;
    const seen = this.#seen.get(digest);
    if (seen !== undefined && this.#now() - seen < freshMs) return;
    const entry = await store.get(PREFIX + digest);
    const expiresAt = expiryOf(entry?.value);
    if (expiresAt === undefined) {
      this.#seen.delete(digest);
      sessions.end(digest);
    } else {
      sessions.admit(digest, expiresAt);
      this.#seen.set(digest, this.#now());
    }
  }
}

function expiryOf(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !("expiresAt" in value)) return undefined;
  return typeof value.expiresAt === "number" ? value.expiresAt : undefined;
}
