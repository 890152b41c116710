import { definePlugin, type ListenAddress } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { TunnelConfig } from "./config.js";
import { refuseWeakKeys } from "./keys.js";
import { findProgram, missing } from "./program.js";
import { SharedUrl } from "./shared-url.js";
import { Tunnel } from "./tunnel.js";

export default definePlugin<TunnelConfig, "control">({
  name: "cloudflare_tunnel",
  apiVersion: 1,
  configSchema,
  needs: ["control"],
  // Two connectors of one tunnel would share its requests, and the older one is about to end. A quick tunnel runs once in a
  // cluster, since each has an address of its own.
  exclusive: "node",
  setup: {
    ask: ["tunnel_token"],
    test: async ({ cloudflared_bin }) => {
      return `cloudflared is ${await foundProgram(cloudflared_bin)}`;
    },
  },
  async check(config) {
    refuseUrlWithoutToken(config);
    return `cloudflared is ${await foundProgram(config.cloudflared_bin)}`;
  },
  async apply(kernel, config) {
    const { control, hooks, signal } = kernel;
    refuseUrlWithoutToken(config);
    if (!config.allow_weak_keys) refuseWeakKeys(control.keys());
    const known = control.address();
    const listening = new Promise<ListenAddress | undefined>((resolve) => {
      if (known !== undefined) resolve(known);
      else hooks.listening.tap("open", resolve);
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const keepOpen = async (ends: AbortSignal, announce: (url: string | undefined) => void) => {
      const address = await listening;
      if (address === undefined || ends.aborted) return;
      const { log, notice, childMark } = kernel;
      const scope = { log, notice, childMark, signal: ends };
      await Tunnel.open({ scope, config, address, announce }).close();
    };
    if (config.tunnel_token !== undefined) {
      // Cloudflare spreads the requests of a named tunnel over its connectors: each gateway may have one.
      const open = keepOpen(signal, (url) => control.announcePublicUrl(url));
      kernel.onDispose(() => open);
      return;
    }
    const url = await SharedUrl.follow({
      scope: kernel,
      announce: (found) => control.announcePublicUrl(found),
    });
    kernel.lead("tunnel", async (ends) => {
      url.begin();
      await keepOpen(ends, (found) => url.announce(found));
      await url.end();
    });
  },
});

async function foundProgram(name: string): Promise<string> {
  const program = await findProgram(name);
  if (program === undefined) throw new Error(missing(name));
  return program;
}

function refuseUrlWithoutToken({ public_url, tunnel_token }: TunnelConfig): void {
  if (public_url === undefined || tunnel_token !== undefined) return;
  throw new Error("plugins.cloudflare_tunnel.public_url requires a named tunnel; set tunnel_token too");
}
