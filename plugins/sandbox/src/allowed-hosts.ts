import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { networkInterfaces } from "node:os";

/** Where a connection may go: an address, not a name, which could change in between. */
export interface Destination {
  readonly address: string;
  readonly port: number;
}

/** Ports of hosts that are listed without one. */
const WEB_PORTS = [80, 443];

/** Addresses that no listed name may lead to: this machine, and the metadata services of clouds. */
const NEVER = blocked([
  ["0.0.0.0", 8, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["100.100.100.200", 32, "ipv4"],
  ["168.63.129.16", 32, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["224.0.0.0", 3, "ipv4"],
  ["::", 128, "ipv6"],
  ["::1", 128, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
  ["fd00:ec2::254", 128, "ipv6"],
  ["fd20:ce::254", 128, "ipv6"],
]);

/** Private networks, which a name below a wildcard may not lead to: its owner could be the caller. */
const PRIVATE = blocked([
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["fc00::", 7, "ipv6"],
]);

/** The hosts that a sandbox may reach. */
export class AllowedHosts {
  readonly #api: string;

  /**
   * @param domains `example.com`, `*.example.com` or `example.com:8443`; without a port, those of the web
   * @param api the base URL of the model API, which is always allowed
   */
  constructor(
    private readonly domains: readonly string[],
    api: string,
    private readonly resolve: (name: string) => Promise<readonly LookupAddress[]> = (name) =>
      lookup(name, { all: true }),
  ) {
    this.#api = hostOf(new URL(api));
  }

  /** Undefined if the host is not allowed. Rejects if its name can't be resolved. */
  async find(host: string, port: number): Promise<Destination | undefined> {
    const name = host.toLowerCase().replace(/^\[|\]$|\.$/g, "");
    if (`${name}:${port}` === this.#api) return { address: await this.#addressOf(name), port };
    const entry = this.domains.find((domain) => covers(domain.toLowerCase(), name, port));
    if (entry === undefined) return undefined;
    const isPublic = entry.startsWith("*.");
    const addresses = isIP(name) ? [{ address: name, family: isIP(name) }] : await this.resolve(name);
    const found = addresses.find(({ address }) => !isBlocked(address, isPublic));
    return found && { address: found.address, port };
  }

  async #addressOf(name: string): Promise<string> {
    if (isIP(name)) return name;
    const [first] = await this.resolve(name);
    return first?.address ?? name;
  }
}

function hostOf({ hostname, port, protocol }: URL): string {
  const own = port || (protocol === "http:" ? "80" : "443");
  return `${hostname.toLowerCase().replace(/^\[|\]$/g, "")}:${own}`;
}

function covers(domain: string, name: string, port: number): boolean {
  const [, pattern = domain, own] = /^(.*[^:]):(\d+)$/.exec(domain) ?? [];
  if (own === undefined ? !WEB_PORTS.includes(port) : Number(own) !== port) return false;
  if (!pattern.startsWith("*.")) return pattern === name;
  return !isIP(name) && name.endsWith(pattern.slice(1)) && name.length > pattern.length - 1;
}

/** Prefixes under which addresses of version 4 are those of version 6: mapped and deprecated ones, NAT64 and 6to4. */
const EMBEDDING = [
  /^::(?:ffff:)?([0-9a-f]{1,4}):([0-9a-f]{1,4})$/,
  /^64:ff9b::([0-9a-f]{1,4}):([0-9a-f]{1,4})$/,
  /^2002:([0-9a-f]{1,4}):([0-9a-f]{1,4}):/,
];

/** The address of version 4 in one of version 6, if any. */
function embedded(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined;
  // As URLs write it: without zeros that can be left out, and in hexadecimal.
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, "")}]`);
  const plain = hostname.slice(1, -1);
  const [, high = "", low = ""] =
    EMBEDDING.map((one) => one.exec(plain)).find((found) => found !== null) ?? [];
  if (high === "") return undefined;
  const [first, second] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [first >> 8, first & 255, second >> 8, second & 255].join(".");
}

function isBlocked(address: string, isPublic: boolean): boolean {
  const inner = embedded(address);
  if (inner !== undefined && isBlocked(inner, isPublic)) return true;
  const family = isIP(address) === 6 ? "ipv6" : "ipv4";
  const own = Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address));
  return own || NEVER.check(address, family) || (isPublic && PRIVATE.check(address, family));
}

function blocked(subnets: readonly (readonly [string, number, "ipv4" | "ipv6"])[]): BlockList {
  const list = new BlockList();
  for (const [net, prefix, family] of subnets) list.addSubnet(net, prefix, family);
  return list;
}
