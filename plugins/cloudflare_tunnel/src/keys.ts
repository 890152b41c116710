import type { GatewayControl } from "@claudeway/core";

const MIN_CHARACTERS = 32;
const REMEDY = "or set plugins.cloudflare_tunnel.allow_weak_keys = true";

/** A tunnel lets anyone on the internet guess keys. Throws if a key is generated (it is in logs and shells) or short. */
export function refuseWeakKeys(keys: ReturnType<GatewayControl["keys"]>): void {
  for (const { id, generated, secretLength } of keys) {
    if (generated) {
      throw new Error(
        `a tunnel exposes the gateway to the internet, and its key was generated; set your own keys, ${REMEDY}`,
      );
    }
    if (secretLength < MIN_CHARACTERS) {
      throw new Error(
        `a tunnel exposes the gateway to the internet: the secret of key ${id} must have at least ${MIN_CHARACTERS} characters, got ${secretLength}; use a longer one, ${REMEDY}`,
      );
    }
  }
}
