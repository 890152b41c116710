import { expect } from "chai";
import { Proxies } from "#plugins/dashboard/access/proxies.js";

/** A request that came from `peer` with this `X-Forwarded-For`. */
function request(peer: string, forwarded: string) {
  return { req: { socket: { remoteAddress: peer } }, get: () => forwarded };
}

describe("dashboard: where a request comes from", () => {
  const cases = [
    ["nobody's word is taken", [], "203.0.113.9", "192.0.2.1", "203.0.113.9"],
    ["a proxy on this machine is believed", [], "127.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["also as IPv6 writes it", [], "::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["it itself, where it says nothing", [], "127.0.0.1", "", "127.0.0.1"],
    ["one in a network that is not told is not", [], "172.18.0.1", "192.0.2.1", "172.18.0.1"],
    ["one that is told is", ["172.16.0.0/12"], "172.18.0.1", "192.0.2.1", "192.0.2.1"],
    ["a single address", ["198.51.100.7"], "198.51.100.8", "192.0.2.1", "198.51.100.8"],
    ["what stands before is anybody's", ["10.0.0.0/8"], "10.0.0.2", "1.1.1.1, 192.0.2.1", "192.0.2.1"],
    ["through two proxies", ["10.0.0.0/8"], "10.0.0.2", "1.1.1.1, 192.0.2.1, 10.0.0.3", "192.0.2.1"],
    ["an IPv6 network", ["fd00::/8"], "fd00::2", "2001:db8::1", "2001:db8:0:0"],
    ["what is no address stays as it is", [], "127.0.0.1", "unknown", "unknown"],
  ] as const;
  for (const [what, networks, peer, forwarded, expected] of cases) {
    it(what, () => {
      expect(new Proxies(networks).addressOf(request(peer, forwarded))).to.equal(expected);
    });
  }

  for (const network of ["proxy.example", "172.16.0.0/33", "172.16.0.0/", "::1/129", ""]) {
    it(`refuses ${JSON.stringify(network)} as a proxy`, () => {
      expect(() => new Proxies([network])).to.throw(
        `trusted_proxies: ${JSON.stringify(network)} is no address`,
      );
    });
  }
});
