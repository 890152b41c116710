import type { GatewayControl } from "@claudeway/core";

const MIN_CHARACTERS = 32;
const REMEDY = "or set plugins.cloudflare_tunnel.allow_weak_keys = true";

/** A tunnel lets the whole world try keys: throws where one is generated (it is in logs and shells) or short. */
export function refuseWeakKeys(keys: ReturnType<GatewayControl["keys"]>): void {
  for (const { id, generated, secretLength } of keys) {
    if (generated) {
      throw new Error(
        `a tunnel opens the gateway to the world, and its key was generated; give keys of your own, ${REMEDY}`,
      );
    }
    if (secretLength < MIN_CHARACTERS) {
      throw new Error(
        `a tunnel opens the gateway to the world, and the secret of key ${id} has ${secretLength} characters; take ${MIN_CHARACTERS} or more, ${REMEDY}`,
      );
    }
  }
}
