import {
  type AppendOutcome,
  type Claim,
  FencedError,
  type TranscriptPart,
  type Transcripts,
} from "@claudeway/ports";
import { expect } from "chai";
import { TranscriptMirror } from "#engine-claude/transcript-mirror.js";

const ID = "0c9be1b4-4a4f-4d8e-9a53-6f1f6d4b7a10";
const PATH = `/home/me/.claude/projects/-work/${ID}.jsonl`;

/** A store that answers when it is told to. */
class Store implements Transcripts {
  readonly parts: TranscriptPart[] = [];
  /** What the next appends answer, before they work. */
  readonly faults: (Error | AppendOutcome | "hold")[] = [];
  appends = 0;
  underWay = 0;
  release: () => void = () => undefined;

  session = async () => ({ end: this.parts.length, lackingSince: undefined });
  find = async () => undefined;
  read = async () => [];
  setLacking = async () => undefined;

  async append(_claim: Claim, part: TranscriptPart, after: number): Promise<AppendOutcome> {
    this.appends++;
    expect(++this.underWay, "appends at once").to.equal(1);
    try {
      const fault = this.faults.shift();
      if (fault instanceof Error) throw fault;
      if (fault === "hold")
        await new Promise<void>((resolve) => {
          this.release = resolve;
        });
      else if (fault !== undefined) return fault;
      expect(after).to.equal(this.parts.length);
      return this.parts.push(part);
    } finally {
      this.underWay--;
    }
  }

  get lines(): string[] {
    return this.parts.flatMap(({ lines }) => lines);
  }
}

describe("the mirror of a transcript", () => {
  let store: Store;
  let lost: unknown[];
  let fenced: number;
  let file: string[];
  let claims: AbortController;

  function mirror(claim = true): TranscriptMirror {
    return new TranscriptMirror({
      transcripts: store,
      sessionId: ID,
      claim: () => (claim ? { sessionId: ID, epoch: 7, lost: claims.signal } : undefined),
      wrote: () => undefined,
      lost: async (error) => void lost.push(error),
      repair: async () => {
        const missing = file.filter((line) => !store.lines.includes(line));
        if (store.faults.length > 0) throw store.faults.shift();
        store.parts.push({ conversation: ID, subpath: "", lines: missing });
        return { end: store.parts.length, known: new Set(file) };
      },
      fenced: () => void fenced++,
    });
  }
  beforeEach(() => {
    [store, lost, fenced, file, claims] = [new Store(), [], 0, [], new AbortController()];
  });

  const entry = (text: string) => ({ type: "x", text });
  const line = (text: string) => JSON.stringify(entry(text));

  it("stores entries in their order, those that wait in one part", async () => {
    const one = mirror();
    store.faults.push("hold");
    one.take(PATH, [entry("1")]);
    await new Promise(setImmediate);
    one.take(PATH, [entry("2")]);
    one.take(PATH, [entry("3")]);
    one.take(PATH.replace(".jsonl", "/subagents/agent-1.jsonl"), [entry("4")]);
    store.release();
    await one.flush();
    expect(store.parts.map(({ subpath, lines }) => [subpath, ...lines])).to.deep.equal([
      ["", line("1")],
      ["", line("2"), line("3")],
      ["subagents/agent-1", line("4")],
    ]);
    expect(one).to.include({ isWhole: true, end: 3, epoch: 7 });
  });

  it("goes on after what is stored already, and tries again", async () => {
    store.parts.push({ conversation: ID, subpath: "", lines: ["{}"] });
    store.faults.push(new Error("away"), new Error("away"));
    const one = mirror();
    one.take(PATH, [entry("1")]);
    await one.flush();
    expect(store.lines).to.deep.equal(["{}", line("1")]);
    expect(lost).to.deep.equal([]);
  });

  it("lets no result through if the session is lost while a repair fails", async () => {
    const one = mirror();
    store.faults.push(...[1, 2, 3, 4].map(() => new Error("away")));
    one.take(PATH, [entry("1")]);
    await one.flush();
    store.faults.push(new Error("away"));
    const flushed = one.flush();
    claims.abort();
    expect(await flushed).to.equal(false);
    expect([fenced, one.isWhole]).to.deep.equal([1, false]);
  });

  it("says once that entries are lost, and stores them from the file with the next flush that can", async () => {
    const one = mirror();
    store.faults.push(...[1, 2, 3].map(() => new Error("away")));
    one.take(PATH, [entry("1")]);
    file = [line("1"), line("2"), line("3")];
    store.faults.push(new Error("still away"));
    await one.flush();
    expect([lost.length, one.isWhole]).to.deep.equal([1, false]);
    one.take(PATH, [entry("2")]);
    expect(store.appends).to.equal(3);
    const flushed = one.flush();
    // Said before the file is read, and in it.
    one.take(PATH, [entry("3")]);
    await flushed;
    one.take(PATH, [entry("4")]);
    await one.flush();
    expect(store.lines).to.deep.equal([line("1"), line("2"), line("3"), line("4")]);
    expect([lost.length, one.isWhole]).to.deep.equal([1, true]);
  });

  it("stores nothing more under an epoch that is over, and says so once", async () => {
    const one = mirror();
    store.faults.push(new FencedError(ID));
    one.take(PATH, [entry("1")]);
    expect(await one.flush(), "whether a result may be given").to.equal(false);
    one.take(PATH, [entry("2")]);
    await one.close();
    expect([store.appends, fenced, lost.length]).to.deep.equal([1, 1, 0]);
    expect(one.isWhole, "whether its files may be noted as current").to.equal(false);
  });

  it("stores nothing without a claim", async () => {
    const one = mirror(false);
    one.take(PATH, [entry("1")]);
    await one.close();
    expect([store.appends, fenced]).to.deep.equal([0, 1]);
  });

  it("ends with its claim, also while a part is under way", async () => {
    const one = mirror();
    store.faults.push("hold");
    one.take(PATH, [entry("1")]);
    await new Promise(setImmediate);
    claims.abort();
    expect(fenced).to.equal(1);
    await one.flush();
    expect(lost).to.have.length(0);
    store.release();
  });

  it("loses nothing of a session that is too large, and keeps nothing of a deleted one", async () => {
    const [large, deleted] = [mirror(), mirror()];
    store.faults.push("too large", new Error("still"));
    large.take(PATH, [entry("1")]);
    await large.flush();
    expect(large.isWhole).to.equal(false);
    store.faults.push("deleted");
    deleted.take(PATH, [entry("1")]);
    await deleted.flush();
    expect([deleted.isWhole, lost.length]).to.deep.equal([true, 1]);
  });

  it("says that entries of a file with another name are lost", async () => {
    const one = mirror();
    one.take("/etc/passwd", [entry("1")]);
    await one.flush();
    expect([one.isWhole, lost.length, store.appends]).to.deep.equal([false, 1, 0]);
  });
});
