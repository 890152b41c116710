import { networkInterfaces } from "node:os";
import { expect } from "chai";
import { AllowedHosts } from "#plugins/sandbox/allowed-hosts.js";

const API = "https://api.anthropic.com";
/** What names lead to. */
const ADDRESSES: Readonly<Record<string, string>> = {
  "api.anthropic.com": "203.0.113.1",
  "example.com": "203.0.113.2",
  "a.example.com": "203.0.113.3",
  "git.internal": "10.1.2.3",
  "private.example.com": "10.1.2.4",
  "loop.test": "127.0.0.1",
  "loop6.test": "::1",
  "mapped.test": "::ffff:127.0.0.1",
  "metadata.test": "169.254.169.254",
  "zero.test": "0.0.0.0",
  "azure.test": "168.63.129.16",
  "oracle.test": "192.0.0.192",
  "alibaba.test": "100.100.100.200",
  "google.test": "fd20:ce::254",
  "nat64.test": "64:ff9b::a9fe:a9fe",
  "sixtofour.test": "2002:7f00:1::1",
  "compatible.test": "::127.0.0.1",
};

function hosts(domains: readonly string[], api = API, addresses = ADDRESSES): AllowedHosts {
  return new AllowedHosts(domains, api, async (name) => {
    const address = addresses[name];
    if (address === undefined) throw new Error(`unknown name ${name}`);
    return [{ address, family: address.includes(":") ? 6 : 4 }];
  });
}

describe("the hosts that a sandbox may reach", () => {
  it("are the model API and those listed, by address", async () => {
    const list = hosts(["example.com", "git.internal:22", "*.example.com", "198.51.100.1"]);
    const reached = async (host: string, port: number) => (await list.find(host, port))?.address;
    expect(await reached("api.anthropic.com", 443)).to.equal("203.0.113.1");
    expect(await reached("EXAMPLE.com.", 443)).to.equal("203.0.113.2");
    expect(await reached("a.example.com", 80)).to.equal("203.0.113.3");
    expect(await reached("git.internal", 22)).to.equal("10.1.2.3");
    expect(await reached("198.51.100.1", 443)).to.equal("198.51.100.1");
  });

  it("are no others", async () => {
    const list = hosts(["example.com", "git.internal:22", "*.test"]);
    const refused: [string, number][] = [
      ["api.anthropic.com", 80],
      ["example.com", 22],
      ["a.example.com", 443],
      ["xexample.com", 443],
      ["example.com.attacker.test.org", 443],
      ["git.internal", 443],
      [".test", 443],
      ["test", 443],
      ["127.0.0.1", 443],
      ["[::1]", 443],
      ["", 443],
    ];
    for (const [host, port] of refused) expect(await list.find(host, port), host).to.equal(undefined);
  });

  it("do not lead to this machine or to metadata services, whatever a name says", async () => {
    const list = hosts(Object.keys(ADDRESSES));
    for (const name of Object.keys(ADDRESSES).filter((one) => one.endsWith(".test"))) {
      expect(await list.find(name, 443), name).to.equal(undefined);
    }
    const literal = hosts(["127.0.0.1:9", "0.0.0.0:9", "::1"]);
    for (const name of ["127.0.0.1", "0.0.0.0"])
      expect(await literal.find(name, 9), name).to.equal(undefined);
  });

  it("do not lead to an address of this machine in the network, also as one of version 6", async function () {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const own = all.find(({ family, internal }) => family === "IPv4" && !internal)?.address;
    if (own === undefined) this.skip();
    const addresses = { "own.test": own, "mapped.test": `::ffff:${own}` };
    const list = hosts(Object.keys(addresses), API, addresses);
    for (const name of Object.keys(addresses)) expect(await list.find(name, 443), name).to.equal(undefined);
  });

  it("do not lead to private networks by a name below a wildcard", async () => {
    expect(await hosts(["*.example.com"]).find("private.example.com", 443)).to.equal(undefined);
    expect(await hosts(["private.example.com"]).find("private.example.com", 443)).to.not.equal(undefined);
  });

  it("have the model API on this machine, if it is there", async () => {
    const list = hosts([], "http://127.0.0.1:8080");
    expect(await list.find("127.0.0.1", 8080)).to.deep.equal({ address: "127.0.0.1", port: 8080 });
    expect(await list.find("127.0.0.1", 8081)).to.equal(undefined);
  });
});
