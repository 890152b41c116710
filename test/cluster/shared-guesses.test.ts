import { setTimeout as sleep } from "node:timers/promises";
import { type Ledger, LedgerError, type PluginStoreBook } from "@claudeway/ports";
import { expect } from "chai";
import { ClusterGuesses } from "#cluster/shared-guesses.js";
import { GuessThrottle, SharedThrottle } from "#core/http/guesses.js";
import { openLedger } from "#ledger-sqlite/sqlite-ledger.js";
import { temporaryFolder } from "../temporary.js";

const WAIT_MS = 300;
const waitAfter = (failures: number) => (failures < 3 ? 0 : WAIT_MS);

describe("refused attempts at several nodes", () => {
  let ledger: Ledger;
  const warnings: string[] = [];
  const log = { warn: (line: unknown) => void warnings.push(String(line)) };
  const node = (store: Pick<PluginStoreBook, "list" | "write"> = ledger.pluginStore) =>
    new ClusterGuesses(store, log);

  beforeEach(async () => {
    warnings.length = 0;
    ledger = await openLedger({ dataDir: temporaryFolder("claudeway-guesses-") });
  });
  afterEach(() => ledger.close());

  it("count together, and let one attempt of all nodes through when the wait is over", async () => {
    const [a, b] = [node(), node()];
    for (const one of [a, b]) {
      expect(await one.enter("x", waitAfter)).to.equal(0);
      await one.failed("x", waitAfter);
    }
    // At once, and none is lost.
    await Promise.all([a, b].map((one) => one.failed("x", waitAfter)));
    for (const one of [a, b]) expect(await one.enter("x", waitAfter)).to.be.within(1, WAIT_MS);
    expect(await a.enter("y", waitAfter)).to.equal(0);
    await sleep(WAIT_MS + 50);
    const waits = await Promise.all([a, b, a, b].map((one) => one.enter("x", waitAfter)));
    expect(waits.filter((wait) => wait === 0)).to.have.length(1);
    await b.succeeded("x");
    for (const one of [a, b]) expect(await one.enter("x", waitAfter)).to.equal(0);
  });

  it("store no address", async () => {
    await node().failed("/admin 192.0.2.7", waitAfter);
    const entries = await ledger.pluginStore.list("cluster/guesses", {
      prefix: "",
      after: undefined,
      limit: 9,
    });
    expect(entries).to.have.length(1);
    expect(JSON.stringify(entries)).to.not.contain("192.0.2");
  });

  for (const [how, call] of Object.entries({
    fails: () => Promise.reject(new LedgerError("away")),
    hangs: () => new Promise<never>(() => undefined),
  }))
    it(`are counted by each node alone while the database ${how}`, async () => {
      let now = 0;
      const guesses = node({ list: call, write: call });
      const throttle = new SharedThrottle(new GuessThrottle(() => now), guesses);
      for (let failure = 0; failure < 3; failure++) await (await throttle.begin("x"))("failed");
      const refused = await throttle.begin("x").catch((error: unknown) => error);
      expect(refused).to.include({ code: "TOO_MANY_REQUESTS" });
      now = 1000;
      await (await throttle.begin("x"))("succeeded");
      await (await throttle.begin("x"))("neither");
      expect(warnings).to.have.length(1);
      expect(warnings[0]).to.match(/^refused attempts are counted at this node alone: /);
    });

  it("are refused at a node that has seen none", async () => {
    const [a, b] = [node(), node()].map((one) => new SharedThrottle(new GuessThrottle(), one));
    for (let failure = 0; failure < 3; failure++) await (await a?.begin("x"))?.("failed");
    const refused = await b?.begin("x").catch((error: unknown) => error);
    expect(refused).to.deep.include({
      code: "TOO_MANY_REQUESTS",
      options: { headers: { "retry-after": "1" } },
    });
  });
});
