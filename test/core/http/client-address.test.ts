import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect } from "chai";
import { ClientAddresses, networkOf } from "#core/http/client-address.js";

/** A request that came from `peer` with this `X-Forwarded-For`. */
function request(peer: string, forwarded: string): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: peer });
  const message = new IncomingMessage(socket);
  if (forwarded !== "") message.headers["x-forwarded-for"] = forwarded;
  return message;
}

describe("the client address of a request", () => {
  const cases = [
    ["trusts no header by default", [], "203.0.113.9", "192.0.2.1", "203.0.113.9"],
    ["trusts no local proxy by default", [], "127.0.0.1", "192.0.2.1", "127.0.0.1"],
    ["believes a proxy on this machine that is named", ["127.0.0.1"], "127.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["also as IPv6 writes it", ["127.0.0.0/8"], "::ffff:127.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["writes an IPv4 address as one", [], "::ffff:203.0.113.9", "", "203.0.113.9"],
    ["is the proxy, where it says nothing", ["127.0.0.1"], "127.0.0.1", "", "127.0.0.1"],
    ["believes no other network", ["10.0.0.0/8"], "172.18.0.1", "192.0.2.1", "172.18.0.1"],
    ["believes a network", ["172.16.0.0/12"], "172.18.0.1", "192.0.2.1", "192.0.2.1"],
    ["is what the nearest proxy saw", ["10.0.0.0/8"], "10.0.0.2", "1.1.1.1, 192.0.2.1", "192.0.2.1"],
    ["goes through two proxies", ["10.0.0.0/8"], "10.0.0.2", "1.1.1.1, 192.0.2.1, 10.0.0.3", "192.0.2.1"],
    ["is the first, where all are proxies", ["10.0.0.0/8"], "10.0.0.2", "10.0.0.4,10.0.0.3", "10.0.0.4"],
    ["keeps a text that is not an address", ["127.0.0.1"], "127.0.0.1", "unknown", "unknown"],
    ["keeps no more than an address of it", ["127.0.0.1"], "127.0.0.1", "x".repeat(9000), "x".repeat(64)],
  ] as const;
  for (const [what, proxies, peer, forwarded, expected] of cases) {
    it(what, () => {
      expect(new ClientAddresses(proxies).of(request(peer, forwarded))).to.equal(expected);
    });
  }

  it("treats an IPv6 /64 network as one client, in any notation", () => {
    for (const address of ["2001:db8::1", "2001:DB8:0:0:ffff::", "2001:0db8:0000::5"])
      expect(networkOf(address)).to.equal("2001:db8:0:0");
    expect(networkOf("2001:db8:0:1::1")).to.equal("2001:db8:0:1");
    expect([networkOf("192.0.2.1"), networkOf("unknown")]).to.deep.equal(["192.0.2.1", "unknown"]);
  });
});
