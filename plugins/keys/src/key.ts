import { isOnRevoke, type OnRevoke } from "./config.js";
import { type KeySettings, storedSettings } from "./fields.js";
import { isJsonObject } from "./json-object.js";

/** A key as it is stored: of its secrets, the digests. */
export interface VirtualKey {
  readonly id: string;
  readonly settings: KeySettings;
  readonly enabled: boolean;
  /** Of a disabled key: what the admin said about its turns, instead of `on_revoke`. */
  readonly onRevoke?: OnRevoke | undefined;
  /** The current secret first. After a rotation, the one before follows until its grace period ends. */
  readonly secrets: readonly StoredSecret[];
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  /** The id of the key that made it. */
  readonly createdBy: string;
}

export interface StoredSecret {
  /** SHA-256, in hexadecimal digits. */
  readonly digest: string;
  /** When it ends, ISO 8601, UTC; null for the current one. */
  readonly until: string | null;
}

export type KeyState = "active" | "disabled" | "expired";

export function stateOf({ enabled, settings }: VirtualKey, now = Date.now()): KeyState {
  if (!enabled) return "disabled";
  const { expires_at: expiresAt } = settings;
  return expiresAt !== undefined && Date.parse(expiresAt) <= now ? "expired" : "active";
}

/** Reads a stored key. Undefined if the value is not one: the key is then unknown. */
export function readKey(id: string, value: unknown): VirtualKey | undefined {
  if (!isJsonObject(value)) return undefined;
  const { settings, enabled, onRevoke, secrets, createdAt, createdBy } = value;
  if (!isJsonObject(settings) || typeof enabled !== "boolean" || !Array.isArray(secrets)) return undefined;
  if (onRevoke !== undefined && !isOnRevoke(onRevoke)) return undefined;
  if (typeof createdAt !== "string" || typeof createdBy !== "string" || !secrets.every(isStoredSecret))
    return undefined;
  try {
    const read = storedSettings(settings);
    return read && { id, settings: read, enabled, onRevoke, secrets, createdAt, createdBy };
  } catch {
    return undefined;
  }
}

function isStoredSecret(value: unknown): value is StoredSecret {
  if (!isJsonObject(value)) return false;
  const { digest, until } = value;
  const isUntil = until === null || (typeof until === "string" && Number.isFinite(Date.parse(until)));
  return typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest) && isUntil;
}
