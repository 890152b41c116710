import { randomUUID } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { SpawnPlan } from "@claudeway/core";
import { AllowedHosts } from "./allowed-hosts.js";
import { domainsOf, type SandboxConfig } from "./config.js";
import { ConnectProxy } from "./connect-proxy.js";

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
  readonly #proxies = new Map<string, Promise<{ readonly proxy: ConnectProxy; readonly path: string }>>();
  #folder: string | undefined;

  constructor(
    private readonly config: SandboxConfig,
    private readonly log: Log,
  ) {}

  async wallsOf(env: SpawnPlan["env"], keyId: string | undefined): Promise<NetworkWalls> {
    if (this.config.network === "host") return { args: [], before: [], env: {} };
    const api = env["ANTHROPIC_BASE_URL"] || API;
    const { path } = await this.#proxyOf(keyId, api);
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
    for (const made of this.#proxies.values()) {
      made.then(({ proxy }) => proxy.close()).catch(() => undefined);
    }
    this.#proxies.clear();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }

  #proxyOf(keyId: string | undefined, api: string) {
    const name = JSON.stringify([keyId ?? null, api]);
    const made = this.#proxies.get(name) ?? this.#open(keyId, api);
    this.#proxies.set(name, made);
    return made;
  }

  async #open(keyId: string | undefined, api: string) {
    // Not in the data folder, whose path may be longer than that of a socket may be.
    this.#folder ??= mkdtempSync(join(tmpdir(), "claudeway-proxy-"));
    await chmod(this.#folder, 0o711);
    const path = join(this.#folder, randomUUID());
    const hosts = new AllowedHosts(domainsOf(this.config, keyId), api);
    return { proxy: await ConnectProxy.listen(path, hosts, this.log), path };
  }
}

/** What programs connect to directly: the sandbox's own loopback, unless the model API is there. */
function noProxy(api: string): Record<string, string> {
  const host = new URL(api).hostname.replace(/^\[|\]$/g, "");
  const list = LOOPBACK.includes(host) ? "" : LOOPBACK.join(",");
  return { NO_PROXY: list, no_proxy: list };
}
