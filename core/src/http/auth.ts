import { hash, timingSafeEqual } from "node:crypto";
import { type ApiKey, isShortSecret } from "@claudeway/config";
import { type Caller, clientError, GatewayError } from "@claudeway/ports";
import { networkOf } from "./client-address.js";
import type { GuessThrottle } from "./guesses.js";

interface KnownKey {
  readonly digest: Buffer;
  readonly caller: Caller;
  /** True if its secret is short enough to be guessed. */
  readonly short: boolean;
}

/** What goes with every 401 (RFC 9110, 11.6.1). */
export const UNAUTHENTICATED = { headers: { "www-authenticate": "Bearer" } };

/** Spellings of `Authorization` headers that are remembered. Clients of one key mostly have one. */
const MAX_ACCEPTED = 1000;

/** The configured keys. The first key is the admin's. Other keys need another keyring, which remembers nothing. */
export class Keyring {
  readonly #keys: readonly KnownKey[];
  /**
   * A cache of accepted `Authorization` headers, so that repeated requests need no digest. It contains no secret that
   * the configuration does not contain. A lookup is faster for a cached header, but its sender is admitted anyway.
   * Keys with short secrets are excluded: while guesses are throttled, the response time would reveal the right one.
   */
  readonly #accepted = new Map<string, KnownKey>();

  constructor(keys: readonly ApiKey[]) {
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

  /** The caller of an `Authorization: Bearer` header (RFC 6750), or UNAUTHORIZED. */
  authenticate(header: string | undefined): Caller | GatewayError {
    return this.#callerOf(header)?.caller ?? refusalOf(header);
  }

  /** The caller of a header whose key is too long to be guessed. */
  acceptLong(header: string | undefined): Caller | undefined {
    const key = this.#callerOf(header);
    return key?.short ? undefined : key?.caller;
  }

  #callerOf(header: string | undefined): KnownKey | undefined {
    if (header === undefined) return undefined;
    const accepted = this.#accepted.get(header);
    if (accepted !== undefined) return accepted;
    const secret = bearerOf(header);
    const key = secret === undefined ? undefined : this.#find(secret);
    if (key !== undefined && !key.short) this.#remember(header, key);
    return key;
  }

  #remember(header: string, key: KnownKey): void {
    if (this.#accepted.size >= MAX_ACCEPTED) this.#accepted.clear();
    this.#accepted.set(header, key);
  }
}

/** Made once: they have neither a stack nor anything of a request. */
const [NO_KEY, NO_BEARER, UNKNOWN_KEY] = [
  unauthorized("no key"),
  unauthorized("no Bearer key"),
  unauthorized("unknown key"),
];

function unauthorized(problem: string): GatewayError {
  return clientError("UNAUTHORIZED", `${problem}: send "Authorization: Bearer <secret>"`, UNAUTHENTICATED);
}

function refusalOf(header: string | undefined): GatewayError {
  if (header === undefined) return NO_KEY;
  return bearerOf(header) === undefined ? NO_BEARER : UNKNOWN_KEY;
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
   * The caller of an `Authorization: Bearer` header that came from this address, or UNAUTHORIZED. Throws TOO_MANY_REQUESTS
   * after wrong keys. A caller with a long secret is never throttled.
   */
  authenticate(header: string | undefined, address: string): Caller | GatewayError {
    if (!this.#slow) return this.keyring.authenticate(header);
    const who = `key ${networkOf(address)}`;
    const known = this.keyring.acceptLong(header);
    if (known !== undefined) return known;
    this.guesses.check(who);
    const caller = this.keyring.authenticate(header);
    if (caller instanceof GatewayError && header !== undefined) this.guesses.failed(who);
    return caller;
  }
}

function digestOf(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}
