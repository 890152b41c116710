import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AllowedHosts } from "./allowed-hosts.js";
import { domainsOf, type SandboxConfig } from "./config.js";
import { ConnectProxy } from "./connect-proxy.js";
import { isOwn } from "./own-file.js";

/** What one instance of the plugin allows. */
export interface NetworkRules {
  readonly config: SandboxConfig;
  readonly log: { info(fields: object, message: string): void };
}

/** By the folder of the gateway that they belong to. */
const shared = new Map<string, KeyProxies>();

/**
 * The proxies of a gateway's keys. The plugin starts again when its section is reloaded: sandboxes that run keep their
 * proxies, with the hosts of the new section.
 */
export class KeyProxies {
  /** Of the instances that have not left. */
  readonly #holders = new Set<NetworkRules>();
  /** In force: the last. Those before are in force again if that one leaves, as its start has failed. */
  #enforced: readonly NetworkRules[] = [];
  /** The socket of each key's proxy. */
  readonly #sockets = new Map<string, Promise<string>>();
  /** All proxies, by their sockets: sandboxes that run keep one whose socket was removed. */
  readonly #proxies = new Map<string, ConnectProxy>();

  private constructor(private readonly folder: string) {}

  /** The proxies of the gateway with this folder; they are open until the last one that has joined leaves. */
  static join(folder: string, rules: NetworkRules): KeyProxies {
    const proxies = shared.get(folder) ?? new KeyProxies(folder);
    shared.set(folder, proxies);
    proxies.#holders.add(rules);
    return proxies;
  }

  /** Allows what these rules allow, also to sandboxes that run. Does nothing once they have left. */
  enforce(rules: NetworkRules): void {
    if (this.#holders.has(rules)) this.#enforced = [...this.#enforced, rules];
  }

  leave(rules: NetworkRules): void {
    if (!this.#holders.delete(rules)) return;
    const others = this.#enforced.filter((one) => this.#holders.has(one));
    // Under a section with another network, sandboxes that run keep the hosts that they had.
    if (others.length > 0) this.#enforced = others;
    if (this.#holders.size > 0) return;
    shared.delete(this.folder);
    for (const [path, proxy] of this.#proxies) end(proxy, path);
    this.#proxies.clear();
  }

  /** Opens a proxy unless there is one that can be reached: something may have tidied up temporary files. */
  async socketOf(keyId: string | undefined, api: string): Promise<string> {
    const name = JSON.stringify([keyId ?? null, api]);
    const known = this.#sockets.get(name);
    const path = await known?.catch(() => undefined);
    if (path !== undefined && isOwn(path)) return path;
    // Another turn may have opened one meanwhile.
    if (this.#sockets.get(name) !== known) return this.socketOf(keyId, api);
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
      const proxy = await ConnectProxy.listen(path, () => this.#rulesOf(keyId, api));
      if (this.#holders.size === 0) end(proxy, path);
      else this.#proxies.set(path, proxy);
      return path;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** What is in force now. Throws if there is nothing. */
  #rulesOf(keyId: string | undefined, api: string) {
    const rules = this.#enforced.at(-1);
    if (rules === undefined) throw new Error("no hosts are known yet");
    return { hosts: new AllowedHosts(domainsOf(rules.config, keyId), api), log: rules.log };
  }
}

function end(proxy: ConnectProxy, path: string): void {
  proxy.close();
  rmSync(dirname(path), { recursive: true, force: true });
}
