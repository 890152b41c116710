import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SpawnPlan } from "@claudeway/core";
import { AllowedHosts } from "./allowed-hosts.js";
import { domainsOf, type SandboxConfig } from "./config.js";
import { ConnectProxy } from "./connect-proxy.js";
import { isOwn } from "./own-file.js";

/** What makes a sandbox reach allowed hosts only. */
export interface NetworkWalls {
  /** Arguments of bubblewrap. */
  readonly args: readonly string[];
  /** What runs the CLI. */
  readonly before: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Log {
  info(fields: object, message: string): void;
}

const API = "https://api.anthropic.com";
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
/** Where the sandbox has what it needs for the proxy. */
const INSIDE = "/run/claudeway";

/** The network of sandboxes. In `proxy` mode, each key has a proxy of its own. */
export class SandboxNetwork {
  /** The socket of each key's proxy. */
  readonly #sockets = new Map<string, Promise<string>>();
  /** All proxies, by their sockets: sandboxes that run keep one whose socket was removed. */
  readonly #proxies = new Map<string, ConnectProxy>();
  #isClosed = false;

  constructor(
    private readonly config: SandboxConfig,
    private readonly log: Log,
  ) {}

  async wallsOf(env: SpawnPlan["env"], keyId: string | undefined): Promise<NetworkWalls> {
    if (this.config.network === "host") return { args: [], before: [], env: {} };
    const api = env["ANTHROPIC_BASE_URL"] || API;
    const path = await this.#socketOf(keyId, api);
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
      env: noProxy(api),
    };
  }

  close(): void {
    this.#isClosed = true;
    for (const [path, proxy] of this.#proxies) end(proxy, path);
    this.#proxies.clear();
  }

  /** Opens a proxy unless there is one that can be reached: something may have tidied up temporary files. */
  async #socketOf(keyId: string | undefined, api: string): Promise<string> {
    const name = JSON.stringify([keyId ?? null, api]);
    const known = this.#sockets.get(name);
    const path = await known?.catch(() => undefined);
    if (path !== undefined && isOwn(path)) return path;
    // Another turn may have opened one meanwhile.
    if (this.#sockets.get(name) !== known) return this.#socketOf(keyId, api);
    const opened = this.#open(keyId, api);
    this.#sockets.set(name, opened);
    return opened;
  }

  async #open(keyId: string | undefined, api: string): Promise<string> {
    // Not in the data folder, whose path may be longer than that of a socket may be.
    const folder = mkdtempSync(join(tmpdir(), "claudeway-proxy-"));
    const path = join(folder, randomUUID());
    try {
      chmodSync(folder, 0o711);
      const hosts = new AllowedHosts(domainsOf(this.config, keyId), api);
      const proxy = await ConnectProxy.listen(path, hosts, this.log);
      if (this.#isClosed) end(proxy, path);
      else this.#proxies.set(path, proxy);
      return path;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

function end(proxy: ConnectProxy, path: string): void {
  proxy.close();
  rmSync(dirname(path), { recursive: true, force: true });
}

/** What programs connect to directly: the sandbox's own loopback, unless the model API is there. */
function noProxy(api: string): Record<string, string> {
  const host = new URL(api).hostname.replace(/^\[|\]$/g, "");
  const list = LOOPBACK.includes(host) ? "" : LOOPBACK.join(",");
  return { NO_PROXY: list, no_proxy: list };
}
