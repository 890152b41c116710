import { createHmac, randomBytes } from "node:crypto";
import type { PluginStore } from "@claudeway/core";

const SALT = "key_mark_salt";

/**
 * A mark of the admin key by which a page knows whether another one logs in. It is made with a secret that only the ledger
 * has, so that it can't be used to guess keys.
 */
export async function keyMark(
  fingerprint: string | undefined,
  store: Pick<PluginStore, "get" | "set">,
): Promise<string> {
  const made = randomBytes(32).toString("base64url");
  const salt = await saltIn(store, made).catch(() => made);
  return createHmac("sha256", salt)
    .update(fingerprint ?? "")
    .digest("base64url");
}

async function saltIn(store: Pick<PluginStore, "get" | "set">, made: string): Promise<string> {
  const kept = await store.get(SALT);
  if (kept === undefined) await store.set(SALT, made, { expected: null });
  return String((await store.get(SALT))?.value ?? made);
}
