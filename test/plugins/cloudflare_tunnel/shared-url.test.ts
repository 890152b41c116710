import { expect } from "chai";
import { SharedUrl } from "#plugins/cloudflare_tunnel/shared-url.js";
import { eventually } from "../../e2e/poll.js";
import { memoryStore } from "../memory-store.js";

const [ONE, TWO] = ["https://one.example.com", "https://two.example.com"];

describe("the URL of one tunnel of several gateways", () => {
  const over = new AbortController();
  after(() => over.abort());

  it("stays that of the gateway that leads, whatever one that led before does late", async () => {
    const store = memoryStore();
    let lost = false;
    const write: typeof store.write = async (changes) => {
      const result = await store.write(changes);
      if (lost) throw new Error("the answer is lost");
      return result;
    };
    const follow = async () => {
      const known: (string | undefined)[] = [];
      const scope = {
        store: { ...store, write },
        signal: over.signal,
        shared: true,
        log: Object({ warn: () => undefined }),
      };
      const url = await SharedUrl.follow({ scope, announce: (now) => known.push(now) });
      return { url, known };
    };
    const stored = async () => (await store.get("public_url"))?.value;
    const [a, b] = [await follow(), await follow()];
    a.url.begin();
    a.url.announce(ONE);
    await eventually("the URL of a", async () => (await stored()) === ONE);
    b.url.begin();
    b.url.announce(TWO);
    await eventually("the URL of b", async () => (await stored()) === TWO);
    // Both before it has noticed.
    a.url.announce(ONE);
    a.url.announce(undefined);
    await a.url.end();
    expect(await stored()).to.equal(TWO);
    expect(a.known.at(-1)).to.equal(TWO);
    lost = true;
    b.url.announce(ONE);
    await eventually("another URL of b", async () => (await stored()) === ONE);
    lost = false;
    b.url.announce(undefined);
    await b.url.end();
    expect(await stored()).to.equal(undefined);
  });
});
