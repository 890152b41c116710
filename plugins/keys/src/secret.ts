import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { VirtualKey } from "./key.js";

const FORM = /^ck-[0-9a-f]{64}$/;
/** Bytes of a digest by which it is found. The whole digest is then compared. */
const PREFIX_BYTES = 16;

/** A new secret of 256 random bits. */
export function createSecret(): string {
  return `ck-${randomBytes(32).toString("hex")}`;
}

/**
 * The SHA-256 of a secret. Secrets are random, so nothing slower and no salt is needed: they can't be guessed, with or
 * without the digest.
 */
export function digestOf(secret: string): Buffer {
  return hash("sha256", secret, "buffer");
}

/** A digest, and whose it is. */
export interface IndexedSecret {
  readonly digest: Buffer;
  readonly key: VirtualKey;
  /** When the secret ends, in ms since 1970; undefined for one that does not. */
  readonly until: number | undefined;
}

/**
 * Finds keys by secrets, in the same time for one key as for many. How long it takes tells nothing about other secrets: it
 * depends on digests, which a sender can't choose.
 */
export class SecretIndex {
  readonly #secrets = new Map<string, IndexedSecret>();

  find(secret: string): IndexedSecret | undefined {
    // The configured keys mostly look different: for them, no digest is made.
    if (!FORM.test(secret)) return undefined;
    const digest = digestOf(secret);
    const found = this.#secrets.get(prefixOf(digest));
    return found !== undefined && timingSafeEqual(found.digest, digest) ? found : undefined;
  }

  add(secret: IndexedSecret): void {
    this.#secrets.set(prefixOf(secret.digest), secret);
  }

  remove(digest: Buffer): void {
    this.#secrets.delete(prefixOf(digest));
  }
}

function prefixOf(digest: Buffer): string {
  return digest.toString("latin1", 0, PREFIX_BYTES);
}
