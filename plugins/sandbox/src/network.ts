import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SpawnPlan } from "@claudeway/core";
import { KeyProxies, type NetworkRules } from "./key-proxies.js";

/** What makes a sandbox reach allowed hosts only. */
export interface NetworkWalls {
  /** Arguments of bubblewrap. */
  readonly args: readonly string[];
  /** What runs the CLI. */
  readonly before: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const API = "https://api.anthropic.com";
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
/** Where the sandbox has what it needs for the proxy. */
const INSIDE = "/run/claudeway";

/** The network of sandboxes. In `proxy` mode, each key has a proxy of its own. */
export class SandboxNetwork {
  readonly #proxies: KeyProxies;

  /**
   * Until it is closed, sandboxes that run keep their proxies.
   *
   * @param folder one of the gateway's own, which other instances have too: they share their proxies
   */
  constructor(
    folder: string,
    private readonly rules: NetworkRules,
  ) {
    this.#proxies = KeyProxies.join(folder, rules);
  }

  /** From now on, the section's hosts are allowed, also to sandboxes that run. Call it before `wallsOf`. */
  enforce(): void {
    if (this.#isProxied) this.#proxies.enforce(this.rules);
  }

  get #isProxied(): boolean {
    return this.rules.config.network === "proxy";
  }

  async wallsOf(env: SpawnPlan["env"], keyId: string | undefined): Promise<NetworkWalls> {
    if (!this.#isProxied) return { args: [], before: [], env: {} };
    const api = env["ANTHROPIC_BASE_URL"] || API;
    const direct = noProxy(api);
    const path = await this.#proxies.socketOf(keyId, api);
    const node = realpathSync(process.execPath);
    const bridge = fileURLToPath(new URL("./bridge.js", import.meta.url));
    const inside = (name: string) => `${INSIDE}/${name}`;
    const binds = [
      [node, inside("node")],
      [bridge, inside("bridge.mjs")],
      [path, inside("proxy.sock")],
    ];
    return {
      args: ["--unshare-net", ...binds.flatMap(([from = "", to = ""]) => ["--ro-bind", from, to])],
      before: [inside("node"), inside("bridge.mjs"), inside("proxy.sock")],
      env: direct,
    };
  }

  close(): void {
    this.#proxies.leave(this.rules);
  }
}

/** What programs connect to directly: the sandbox's own loopback, unless the model API is there. */
function noProxy(api: string): Record<string, string> {
  const host = new URL(api).hostname.replace(/^\[|\]$/g, "");
  const list = LOOPBACK.includes(host) ? "" : LOOPBACK.join(",");
  return { NO_PROXY: list, no_proxy: list };
}
