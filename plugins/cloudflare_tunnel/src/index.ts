import { definePlugin, type ListenAddress } from "@claudeway/core";
import configSchema from "../config.schema.json" with { type: "json" };
import type { TunnelConfig } from "./config.js";
import { refuseWeakKeys } from "./keys.js";
import { findProgram, missing } from "./program.js";
import { Tunnel } from "./tunnel.js";

export default definePlugin<TunnelConfig, "control">({
  name: "cloudflare_tunnel",
  apiVersion: 1,
  configSchema,
  needs: ["control"],
  // Two connectors of one tunnel would share its requests, and the older one is about to end.
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
  apply(kernel, config) {
    const { control } = kernel;
    refuseUrlWithoutToken(config);
    if (!config.allow_weak_keys) refuseWeakKeys(control.keys());
    let tunnel: Tunnel | undefined;
    const open = (address: ListenAddress): void => {
      tunnel ??= Tunnel.open({
        scope: kernel,
        config,
        address,
        announce: (url) => control.announcePublicUrl(url),
      });
    };
    const address = control.address();
    if (address === undefined) kernel.hooks.listening.tap("open", open);
    else open(address);
    kernel.onDispose(() => tunnel?.close());
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
