import { randomBytes } from "node:crypto";
import { nameOf } from "@claudeway/schemas";
import { ConfigError } from "./errors.js";
import { didYouMean, splitList } from "./text.js";

/** An API key. */
export interface ApiKey {
  /** Identifies the key in logs and cost reports, and names its log folder. */
  readonly id: string;
  /** The bearer token. */
  readonly secret: string;
}

/** What a key id must look like. */
export const KEY_ID_FORM =
  'up to 64 letters, digits, dots, hyphens and underscores, begin with a letter or digit, and not contain ".."';

/**
 * Reads `id:secret` entries; `where` names the flag, variable or setting in errors. Errors name an entry by its number
 * only: the invalid half may be the secret.
 */
export function parseKeys(given: string | readonly string[], where: string): ApiKey[] {
  const keys = splitList([given].flat().join(",")).map((entry, index) =>
    parseKey(entry, `${where}: entry ${index + 1}`),
  );
  refuseTwice(keys, where, (first, second) => `entries ${first + 1} and ${second + 1}`);
  return keys;
}

/** The limits of each key, by its id. */
export type KeyLimits = Readonly<Record<string, KeyLimit>>;

export interface KeyLimit {
  readonly max_running?: number;
  /** Patterns of the folders that requests with this key may name. */
  readonly workdirs?: readonly string[];
  /** The fields of requests that widen what Claude may do and that the key may send. */
  readonly allow?: readonly ("mcp_servers" | "agents" | "tools" | "allowed_tools" | "additional_dirs")[];
  /** What the key belongs to, such as teams and projects. */
  readonly tags?: readonly string[];
  /** Variables of the CLI for turns of this key. */
  readonly env?: Readonly<Record<string, string>>;
  /** The names of its accounts, in the order in which its turns use them. */
  readonly accounts?: readonly string[];
}

/** Reads `[keys.<id>]` sections: one with a secret defines a key; any may set limits. */
export function readKeySections(
  sections: Readonly<Record<string, KeyLimit & { readonly secret?: string }>>,
  where: string,
): { readonly keys: ApiKey[] | undefined; readonly limits: KeyLimits } {
  const keys = Object.entries(sections).flatMap(([id, { secret }]) =>
    secret === undefined ? [] : [checkKey({ id, secret }, `${where}.${nameOf(id)}`)],
  );
  refuseNumbers(keys, where);
  refuseTwice(keys, where, (...two) => two.map((index) => keys[index]?.id).join(" and "));
  const limits = Object.entries(sections).map(([id, { secret: _, ...limit }]) => [id, limit]);
  return { keys: keys.length === 0 ? undefined : keys, limits: Object.fromEntries(limits) };
}

/** Throws if a section limits an unknown key. */
export function checkKeyLimits(limits: KeyLimits, keys: readonly ApiKey[], where: string): void {
  const ids = keys.map(({ id }) => id);
  const stray = Object.keys(limits).find((id) => !ids.includes(id));
  if (stray !== undefined) {
    const hint = didYouMean(stray, ids);
    const known = `known keys: ${ids.join(", ")}; a new key needs a secret, here or in WRAPPER_KEYS`;
    throw new ConfigError(`${where}.${nameOf(stray)}: unknown key;${hint} ${known}`);
  }
}

/** Characters; the secrets in the examples of the predecessor have 15. */
const MIN_LONG_SECRET = 16;

/** Whether a secret is short enough for brute force. */
export function isShortSecret(secret: string): boolean {
  return secret.length < MIN_LONG_SECRET;
}

/** Warnings about keys with short secrets, one line each. */
export function shortSecretWarnings(keys: readonly ApiKey[]): string[] {
  return keys
    .filter(({ secret }) => isShortSecret(secret))
    .map(
      ({ id, secret }) =>
        `the secret of key ${id} should have at least ${MIN_LONG_SECRET} characters, got ${secret.length}; create one with: openssl rand -hex 32`,
    );
}

/** Generates the key of a gateway that has none configured. */
export function generateKey(): ApiKey {
  return { id: "default", secret: `sk-${randomBytes(32).toString("hex")}` };
}

/** Objects list names that are numbers before all others: which section came first, and so is the admin's, is not known. */
function refuseNumbers(keys: readonly ApiKey[], where: string): void {
  const number = keys.find(({ id }) => /^\d+$/.test(id));
  if (number === undefined || keys.length < 2) return;
  throw new ConfigError(
    `${where}.${number.id}: the secrets of keys must be in WRAPPER_KEYS or --keys if an id is a number: the first key is the admin's, and such sections have no order`,
  );
}

function parseKey(entry: string, where: string): ApiKey {
  if (entry === "") throw new ConfigError(`${where} must be id:secret, got an empty entry`);
  const colon = entry.indexOf(":");
  if (colon === -1) throw new ConfigError(`${where} must be id:secret, got no colon`);
  const key = { id: entry.slice(0, colon), secret: entry.slice(colon + 1) };
  if (key.id === "") throw new ConfigError(`${where} must be id:secret, got no id`);
  if (key.secret === "") throw new ConfigError(`${where} must be id:secret, got no secret`);
  return checkKey(key, where);
}

function checkKey(key: ApiKey, where: string): ApiKey {
  if (!isKeyId(key.id)) throw new ConfigError(`${where}: the id must have ${KEY_ID_FORM}`);
  if (!/^[\x21-\x7e]+$/.test(key.secret)) {
    throw new ConfigError(`${where}: the secret must consist of visible ASCII characters, without spaces`);
  }
  return key;
}

/** Whether this can be the id of a key: a safe folder name on every system. */
export function isKeyId(id: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id) && !id.includes("..");
}

function refuseTwice(
  keys: readonly ApiKey[],
  where: string,
  namesOf: (first: number, second: number) => string,
): void {
  keys.forEach((key, index) => {
    // Ids name folders, and some file systems are case-insensitive.
    const sameId = keys.findIndex(({ id }) => id.toLowerCase() === key.id.toLowerCase());
    const sameSecret = keys.findIndex(({ secret }) => secret === key.secret);
    const first = Math.min(sameId, sameSecret);
    if (first === index) return;
    const what = first === sameId ? "id" : "secret";
    throw new ConfigError(`${where}: ${namesOf(first, index)} must not have the same ${what}`);
  });
}
