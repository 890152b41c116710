import { createHash, timingSafeEqual } from "node:crypto";
import { isShortSecret } from "@claudeway/config";
import { GatewayError } from "../errors.js";
import type { Caller } from "../ports/turns.js";
import { networkOf } from "./client-address.js";
import type { GatewayContext, GatewayMiddleware } from "./context.js";
import type { GuessThrottle } from "./guesses.js";

export interface Key {
  /** A safe folder name. */
  readonly id: string;
  readonly secret: string;
}

interface KnownKey {
  readonly digest: Buffer;
  readonly caller: Caller;
  /** True if its secret is short enough to be guessed. */
  readonly short: boolean;
}

/** The configured keys. The first key is the admin's. */
export class Keyring {
  readonly #keys: readonly KnownKey[];

  constructor(keys: readonly Key[]) {
    this.#keys = keys.map(({ id, secret }, index) => ({
      digest: digestOf(secret),
      caller: Object.freeze({ keyId: id, admin: index === 0 }),
      short: isShortSecret(secret),
    }));
  }

  /** Whether any key has a secret that could be guessed. */
  get hasShortSecrets(): boolean {
    return this.#keys.some(({ short }) => short);
  }

  /** The caller with this secret. Constant time, whether or not a key matches. */
  find(secret: string): Caller | undefined {
    return this.#find(secret)?.caller;
  }

  /** The same, only among keys whose secrets are too long to be guessed. */
  findLong(secret: string): Caller | undefined {
    const key = this.#find(secret);
    return key?.short ? undefined : key?.caller;
  }

  #find(secret: string): KnownKey | undefined {
    const digest = digestOf(secret);
    let found: KnownKey | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.digest, digest)) found = key;
    return found;
  }

  /** The caller of an `Authorization: Bearer` header (RFC 6750). Throws UNAUTHORIZED. */
  authenticate(header: string | undefined): Caller {
    const secret = bearerOf(header);
    const caller = secret === undefined ? undefined : this.find(secret);
    if (caller !== undefined) return caller;
    const problem = header === undefined ? "no key" : secret === undefined ? "no Bearer key" : "unknown key";
    throw new GatewayError("UNAUTHORIZED", `${problem}: send "Authorization: Bearer <secret>"`, {
      headers: { "www-authenticate": "Bearer" },
    });
  }
}

/** The secret of an `Authorization: Bearer` header. */
export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

/** Authenticates callers by their keys, and throttles addresses that try wrong keys. */
export class Doorkeeper {
  readonly #slow: boolean;

  constructor(
    readonly keyring: Keyring,
    private readonly guesses: GuessThrottle,
  ) {
    this.#slow = keyring.hasShortSecrets;
  }

  /**
   * The caller of an `Authorization: Bearer` header that came from this address. Throws UNAUTHORIZED, or
   * TOO_MANY_REQUESTS after wrong keys. A caller with a long secret is never throttled.
   */
  authenticate(header: string | undefined, address: string): Caller {
    if (!this.#slow) return this.keyring.authenticate(header);
    const who = `key ${networkOf(address)}`;
    const known = this.keyring.findLong(bearerOf(header) ?? "");
    if (known !== undefined) return known;
    this.guesses.check(who);
    try {
      return this.keyring.authenticate(header);
    } catch (error) {
      if (header !== undefined) this.guesses.failed(who);
      throw error;
    }
  }
}

/** Which authentication a route requires. */
export type Access = "key" | "admin" | "none";

/** Refuses requests without a valid key on routes that require one, and sets `ctx.state.caller`. */
export function authenticate(
  doorkeeper: Doorkeeper,
  accessTo: (ctx: GatewayContext) => Access,
): GatewayMiddleware {
  return async (ctx, next) => {
    const access = accessTo(ctx);
    if (access !== "none") {
      const caller = doorkeeper.authenticate(ctx.get("authorization") || undefined, ctx.state.clientAddress);
      ctx.state.caller = caller;
      if (access === "admin" && !caller.admin)
        throw new GatewayError("FORBIDDEN", "the admin's key is required");
    }
    await next();
  };
}

function digestOf(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}
