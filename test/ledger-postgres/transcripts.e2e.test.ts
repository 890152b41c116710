import type { Claim, Ledger, NodeStart } from "@claudeway/ports";
import { FencedError } from "@claudeway/ports";
import { expect } from "chai";
import { openPostgresLedger } from "#ledger-postgres/index.js";
import { newSession } from "../ledger/fixture.js";
import { type PostgresServer, startPostgres } from "../postgres.js";

const ROUNDS = 20;

describe("transcripts in a ledger of many gateways", () => {
  let server: PostgresServer;
  let one: Ledger;
  let two: Ledger;
  before(async () => {
    server = await startPostgres();
    const url = await server.urlOf("transcripts");
    one = await openPostgresLedger({ url, shared: true });
    two = await openPostgresLedger({ url, shared: true });
  });
  after(async () => {
    await one.close();
    await two.close();
    await server.close();
  });

  const join = (ledger: Ledger, node: string) =>
    ledger.nodes.join({ node, url: `http://${node}`, configDigest: "a", version: "1" });
  async function claimed(ledger: Ledger, by: NodeStart, sessionId: string): Promise<Claim> {
    const outcome = await ledger.nodes.claim(by, sessionId);
    if (typeof outcome === "string" || !("epoch" in outcome)) throw new Error(JSON.stringify(outcome));
    return { sessionId, epoch: outcome.epoch, lost: new AbortController().signal };
  }

  /** Appends until it is refused. Resolves to how many parts were stored. */
  async function write(claim: Claim): Promise<number> {
    for (let after = 0; ; after++) {
      const part = { conversation: claim.sessionId, subpath: "", lines: [`{"at":${after}}`] };
      try {
        await one.transcripts.append(claim, part, after);
      } catch (error) {
        if (error instanceof FencedError) return after;
        throw error;
      }
    }
  }

  it("store a part before a burial or not at all, so that the next owner reads the whole of it", async () => {
    const b = await join(two, "b");
    for (let round = 0; round < ROUNDS; round++) {
      const a = await join(one, "a");
      const { id } = newSession();
      await one.sessions.create(newSession({ id }));
      const writing = write(await claimed(one, a, id));
      await new Promise((resolve) => setTimeout(resolve, 5 * round));
      const beat = (await two.nodes.list()).find(({ node }) => node === "a")?.beat ?? -1;
      expect(await two.nodes.bury({ ...a, beat })).to.equal(true);
      const now = await claimed(two, b, id);
      const read = (await two.transcripts.read(id, 0)).length;
      const stored = await writing;
      expect(read).to.equal(stored);
      const part = { conversation: id, subpath: "", lines: ["{}"] };
      expect(await two.transcripts.append(now, part, stored)).to.equal(stored + 1);
    }
  });
});
