import { randomBytes } from "node:crypto";
import { ConfigError } from "./errors.js";
import { splitList } from "./text.js";

/** An API key. */
export interface ApiKey {
  /** The name in logs and in money; a folder is named after it. */
  readonly id: string;
  /** The bearer token. */
  readonly secret: string;
}

const FORM = "takes id:secret, comma-separated";
const ID_FORM =
  "an id takes up to 64 letters, digits, dots, hyphens and underscores, a letter or digit first, no two dots together";

/**
 * Reads `id:secret` entries; `where` names the flag, variable or setting in errors. Entries are named by their number
 * alone: whichever half is wrong, it may be the secret.
 */
export function parseKeys(given: string | readonly string[], where: string): ApiKey[] {
  const keys = splitList([given].flat().join(",")).map((entry, index) =>
    parseKey(entry, `${where}: entry ${index + 1}`),
  );
  refuseTwice(keys, where);
  return keys;
}

/** What one key may do, by its id. */
export type KeyLimits = Readonly<Record<string, KeyLimit>>;

export interface KeyLimit {
  readonly max_running?: number;
  /** Patterns of the folders that the key's callers may name. */
  readonly workdirs?: readonly string[];
}

/** `[keys.<id>]` sections: those that have a secret are keys, and any may have limits. */
export function readKeySections(
  sections: Readonly<Record<string, KeyLimit & { readonly secret?: string }>>,
  where: string,
): { readonly keys: ApiKey[] | undefined; readonly limits: KeyLimits } {
  const keys = Object.entries(sections).flatMap(([id, { secret }]) =>
    secret === undefined ? [] : [parseKey(`${id}:${secret}`, `${where}.${id}`)],
  );
  refuseTwice(keys, where);
  const limits = Object.entries(sections).map(([id, { secret: _, ...limit }]) => [id, limit]);
  return { keys: keys.length === 0 ? undefined : keys, limits: Object.fromEntries(limits) };
}

/** Throws where a section limits a key that there is not. */
export function checkKeyLimits(limits: KeyLimits, keys: readonly ApiKey[], where: string): void {
  const ids = keys.map(({ id }) => id);
  const stray = Object.keys(limits).find((id) => !ids.includes(id));
  if (stray !== undefined) {
    throw new ConfigError(`${where}.${stray}: there is no such key; there are ${ids.join(", ")}`);
  }
}

/** Characters; the secrets of the forerunner's examples have 15. */
const MIN_LONG_SECRET = 16;

/** Whether a secret is short enough to be found by trying. */
export function isShortSecret(secret: string): boolean {
  return secret.length < MIN_LONG_SECRET;
}

/** What to say of keys with short secrets, a line each. */
export function shortSecretWarnings(keys: readonly ApiKey[]): string[] {
  return keys
    .filter(({ secret }) => isShortSecret(secret))
    .map(
      ({ id, secret }) =>
        `the secret of key ${id} has ${secret.length} characters and could be guessed; make one with: openssl rand -hex 32`,
    );
}

/** The key of a gateway that was given none. */
export function generateKey(): ApiKey {
  return { id: "default", secret: `sk-${randomBytes(32).toString("hex")}` };
}

function parseKey(entry: string, where: string): ApiKey {
  if (entry === "") throw new ConfigError(`${where} is empty; ${FORM}`);
  const colon = entry.indexOf(":");
  if (colon === -1) throw new ConfigError(`${where} has no colon; ${FORM}`);
  const key = { id: entry.slice(0, colon), secret: entry.slice(colon + 1) };
  if (key.id === "") throw new ConfigError(`${where} has no id; ${FORM}`);
  if (key.secret === "") throw new ConfigError(`${where} has no secret; ${FORM}`);
  if (!isFolderName(key.id)) throw new ConfigError(`${where} has an id that can name no folder; ${ID_FORM}`);
  if (!/^[\x21-\x7e]+$/.test(key.secret)) {
    throw new ConfigError(
      `${where} has a secret that no header can carry; a secret takes visible ASCII characters, no spaces`,
    );
  }
  return key;
}

function isFolderName(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id) && !id.includes("..");
}

function refuseTwice(keys: readonly ApiKey[], where: string): void {
  keys.forEach((key, index) => {
    // Ids name folders, and some file systems do not tell case apart.
    const sameId = keys.findIndex(({ id }) => id.toLowerCase() === key.id.toLowerCase());
    const sameSecret = keys.findIndex(({ secret }) => secret === key.secret);
    const first = Math.min(sameId, sameSecret);
    if (first === index) return;
    const what = first === sameId ? "id" : "secret";
    throw new ConfigError(
      `${where}: entries ${first + 1} and ${index + 1} have the same ${what}; each takes its own`,
    );
  });
}
