import { randomUUID } from "node:crypto";
import {
  type Claim,
  FencedError,
  type Ledger,
  LedgerError,
  type NodeStart,
  type TranscriptPart,
} from "@claudeway/ports";
import { expect } from "chai";
import { NOON, newFolder, newSession, rejection, removeFolders } from "./fixture.js";
import type { OpenLedger } from "./open-ledger.js";

const IDLE = { running: 0, queued: 0, processes: 0 };
const ODD = ['{"text":"\\u0000 ä€𝄞 \\ud800"}', '{"type":"user","uuid":"1"}'];

export function transcriptContract(openLedger: OpenLedger): void {
  describe("transcripts", () => {
    let ledger: Ledger;
    let node: NodeStart;

    beforeEach(async () => {
      ledger = await openLedger({ dataDir: newFolder() });
      node = await join("one");
    });
    afterEach(async () => {
      await ledger.close();
      removeFolders();
    });

    const join = (name: string) =>
      ledger.nodes.join({ node: name, url: "http://one", configDigest: "a", version: "1" });
    async function claimed(by = node, id?: string): Promise<Claim> {
      const session = newSession(id === undefined ? {} : { id });
      if (id === undefined) await ledger.sessions.create(session);
      const outcome = await ledger.nodes.claim(by, session.id);
      if (typeof outcome === "string" || !("epoch" in outcome)) throw new Error(JSON.stringify(outcome));
      return { sessionId: session.id, epoch: outcome.epoch, lost: new AbortController().signal };
    }
    const partOf = (claim: Claim, lines: readonly string[], subpath = ""): TranscriptPart => ({
      conversation: claim.sessionId,
      subpath,
      lines,
    });
    const linesOf = async (conversation: string) =>
      (await ledger.transcripts.read(conversation, 0)).flatMap(({ lines }) => lines);

    it("keeps parts in their order, as they were written", async () => {
      const claim = await claimed();
      expect(await ledger.transcripts.session(claim.sessionId)).to.deep.equal({
        end: 0,
        lackingSince: undefined,
      });
      expect(await ledger.transcripts.find(claim.sessionId)).to.equal(undefined);
      expect(await ledger.transcripts.append(claim, partOf(claim, ODD), 0)).to.equal(1);
      expect(await ledger.transcripts.append(claim, partOf(claim, ["{}"], "subagents/agent-1"), 1)).to.equal(
        2,
      );
      const { sessionId, epoch } = claim;
      expect(await ledger.transcripts.find(sessionId)).to.deep.equal({ sessionId, seq: 2, epoch });
      expect(await ledger.transcripts.read(sessionId, 0)).to.deep.equal([
        { ...partOf(claim, ODD), seq: 1, epoch },
        { ...partOf(claim, ["{}"], "subagents/agent-1"), seq: 2, epoch },
      ]);
      expect(await ledger.transcripts.read(sessionId, 1)).to.have.length(1);
      expect(await ledger.transcripts.read(sessionId, 2)).to.deep.equal([]);
    });

    it("adds nothing to a conversation of another session", async () => {
      const [one, other] = [await claimed(), await claimed()];
      const cleared = randomUUID();
      await ledger.transcripts.append(one, partOf(one, ["{}"]), 0);
      await ledger.transcripts.append(one, { ...partOf(one, ["{}"]), conversation: cleared }, 1);
      for (const conversation of [one.sessionId, cleared]) {
        const part = { ...partOf(other, ['{"a":1}']), conversation };
        const error = await rejection(ledger.transcripts.append(other, part, 0));
        expect(error).to.be.instanceOf(LedgerError);
        expect(await linesOf(conversation)).to.deep.equal(["{}"]);
      }
      expect(await ledger.transcripts.session(other.sessionId)).to.include({ end: 0 });
    });

    it("adds a part once, however often it is sent", async () => {
      const claim = await claimed();
      for (let time = 0; time < 3; time++)
        expect(await ledger.transcripts.append(claim, partOf(claim, ODD), 0)).to.equal(1);
      expect(await linesOf(claim.sessionId)).to.deep.equal(ODD);
      const other = ledger.transcripts.append(claim, partOf(claim, ["{}"]), 0);
      expect(await rejection(other)).to.be.instanceOf(LedgerError);
    });

    it("refuses a part under an epoch that is over, and a note of what is lacking", async () => {
      const before = await claimed();
      await ledger.transcripts.append(before, partOf(before, ["{}"]), 0);
      await ledger.nodes.release(node, before.sessionId, before.epoch);
      const late = () => ledger.transcripts.append(before, partOf(before, ODD), 1);
      expect(await rejection(late())).to.be.instanceOf(FencedError);
      const now = await claimed(await join("two"), before.sessionId);
      expect(await rejection(late())).to.be.instanceOf(FencedError);
      expect(await rejection(ledger.transcripts.setLacking(before, true))).to.be.instanceOf(FencedError);
      expect(await ledger.transcripts.append(now, partOf(now, ODD), 1)).to.equal(2);
      expect((await ledger.transcripts.find(now.sessionId))?.epoch).to.equal(now.epoch);
    });

    it("refuses a buried node's part", async () => {
      const claim = await claimed();
      await ledger.nodes.beat(node, IDLE, "up", "abc");
      const [{ beat } = { beat: -1 }] = await ledger.nodes.list();
      expect(await ledger.nodes.bury({ ...node, beat })).to.equal(true);
      const late = ledger.transcripts.append(claim, partOf(claim, ODD), 0);
      expect(await rejection(late)).to.be.instanceOf(FencedError);
      expect(await linesOf(claim.sessionId)).to.deep.equal([]);
    });

    it("notes under which epoch entries are lacking, until they are there", async () => {
      const claim = await claimed();
      await ledger.transcripts.setLacking(claim, true);
      const state = await ledger.transcripts.session(claim.sessionId);
      expect(state).to.deep.equal({ end: 0, lackingSince: claim.epoch });
      await ledger.transcripts.setLacking(claim, false);
      expect((await ledger.transcripts.session(claim.sessionId))?.lackingSince).to.equal(undefined);
    });

    it("reads large transcripts in pages, and a larger part alone", async () => {
      const claim = await claimed();
      const sizes = [3, 3, 9, 1];
      for (const [at, size] of sizes.entries())
        await ledger.transcripts.append(claim, partOf(claim, [`"${"x".repeat(size * 1024 * 1024)}"`]), at);
      const pages: number[] = [];
      for (let after = 0; ; ) {
        const page = await ledger.transcripts.read(claim.sessionId, after);
        const last = page.at(-1);
        if (last === undefined) break;
        pages.push(page.length);
        after = last.seq;
      }
      expect(pages).to.deep.equal([1, 1, 1, 1]);
    });

    it("removes what is stored with the session, and keeps nothing that comes later", async () => {
      const claim = await claimed();
      await ledger.transcripts.append(claim, partOf(claim, ODD), 0);
      await ledger.sessions.delete(claim.sessionId, NOON);
      expect(await linesOf(claim.sessionId)).to.deep.equal([]);
      expect(await ledger.transcripts.append(claim, partOf(claim, ["{}"]), 1)).to.equal("deleted");
      expect(await ledger.transcripts.session(claim.sessionId)).to.equal(undefined);
      expect(await linesOf(claim.sessionId)).to.deep.equal([]);
    });
  });
}
