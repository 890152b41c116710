import type { IncomingMessage } from "node:http";
import { createRequire } from "node:module";
import { isIPv6 } from "node:net";

const require = createRequire(import.meta.url);

/** Longer than any address. Clients can forge addresses, and they are kept in memory. */
const MAX_ADDRESS = 64;

/** Finds the address of a request's client behind trusted proxies. */
export class ClientAddresses {
  /** Loaded where there are proxies. */
  readonly #behind: ((request: IncomingMessage) => string) | undefined;

  /** @param proxies addresses, or networks such as `172.16.0.0/12`; the configuration has checked them */
  constructor(proxies: readonly string[]) {
    if (proxies.length === 0) return;
    const proxyAddr: typeof import("proxy-addr") = require("proxy-addr");
    const trusted = proxyAddr.compile([...proxies]);
    this.#behind = (request) => proxyAddr(request, trusted);
  }

  /**
   * The address of the connection. If that is a trusted proxy, the last address in `X-Forwarded-For` that is not a
   * trusted proxy's: each proxy appends the address that it saw, and any client can make up the addresses before it.
   */
  of(request: IncomingMessage): string {
    const address = this.#behind === undefined ? request.socket.remoteAddress : this.#behind(request);
    return plain(address ?? "").slice(0, MAX_ADDRESS);
  }
}

/** Converts an IPv4-mapped IPv6 address to IPv4. */
function plain(address: string): string {
  return !address.startsWith(":") ? address : address.replace(/^::ffff:(?=\d+\.)/i, "");
}

/** The unit that limits apply to: an IPv4 address, or an IPv6 /64 network, the usual size for one household. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = [], tail = []] = address.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  const groups = [...head, ...zeros, ...tail].slice(0, 4);
  return groups.map((group) => Number.parseInt(group, 16).toString(16)).join(":");
}
