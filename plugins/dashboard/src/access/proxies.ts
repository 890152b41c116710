import { BlockList, isIP, isIPv6 } from "node:net";

const SAME_MACHINE = ["127.0.0.0/8", "::1"];
const MAX_ADDRESS = 64;

/** Of a request, what tells where it comes from. */
interface Arrival {
  readonly req: { readonly socket: { readonly remoteAddress?: string | undefined } };
  get(header: string): string;
}

/** The proxies whose word on where a request comes from counts: those on this machine, and what is configured. */
export class Proxies {
  readonly #trusted = new BlockList();

  /** Addresses, or networks as `172.16.0.0/12`. Throws where one of them is neither. */
  constructor(networks: readonly string[]) {
    for (const network of [...SAME_MACHINE, ...networks]) this.#trust(network);
  }

  /**
   * Where a request comes from: the last address of `X-Forwarded-For` that is no trusted proxy's. Each of them adds the
   * one that it saw at the end; what stands before could be anybody's invention. An IPv6 network of one household counts
   * as one address.
   */
  addressOf(request: Arrival): string {
    const hops = request
      .get("x-forwarded-for")
      .split(",")
      .map((hop) => hop.trim().slice(0, MAX_ADDRESS));
    let address = request.req.socket.remoteAddress ?? "";
    while (this.#trusts(address)) {
      const before = hops.pop();
      if (before === undefined || before === "") break;
      address = before;
    }
    return isIPv6(address) && !address.startsWith("::ffff:") ? networkOf(address) : address;
  }

  #trusts(address: string): boolean {
    return isIP(address) !== 0 && this.#trusted.check(address, isIPv6(address) ? "ipv6" : "ipv4");
  }

  #trust(network: string): void {
    const [address = "", bits] = network.split("/");
    const family = isIPv6(address) ? "ipv6" : "ipv4";
    const most = family === "ipv6" ? 128 : 32;
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
    if (isIP(address) === 0 || !(prefix <= most)) {
      throw new Error(
        `plugins.dashboard.trusted_proxies: ${JSON.stringify(network)} is no address and no network; takes such as 172.16.0.0/12`,
      );
    }
    this.#trusted.addSubnet(address, prefix, family);
  }
}

/** The first 64 bits: of `2001:db8::1` they are `2001:db8:0:0`. */
function networkOf(address: string): string {
  const [head = [], tail = []] = address.split("::").map((part) => (part === "" ? [] : part.split(":")));
  const zeros = Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => "0");
  return [...head, ...zeros, ...tail].slice(0, 4).join(":");
}
