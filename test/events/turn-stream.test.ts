import type { Frame, TurnEvent } from "@claudeway/ports";
import { expect } from "chai";
import { type ReadOptions, TurnStream } from "#events/turn-stream.js";
import { heapUsed } from "../heap.js";
import { processorMs } from "../processor-time.js";

const DONE = {
  type: "done",
  response: {
    session_id: "s",
    result: "",
    success: true,
    duration_ms: 1,
    tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
    cost_usd: 0,
    error: null,
  },
} satisfies TurnEvent;

function streamOf(...deltas: readonly string[]): TurnStream {
  const stream = new TurnStream();
  for (const delta of deltas) stream.push({ type: "text", delta });
  return stream;
}

async function read(stream: TurnStream, options: Partial<ReadOptions> = {}): Promise<(Frame | null)[]> {
  const frames: (Frame | null)[] = [];
  for await (const frame of stream.read({ mode: "text", after: 0, heartbeatMs: 10_000, ...options })) {
    frames.push(frame);
  }
  return frames;
}

function texts(frames: readonly (Frame | null)[]): unknown[] {
  return frames.filter((frame) => frame?.event === "text").map((frame) => frame?.data);
}

function memoryUsed(): number {
  return heapUsed() + process.memoryUsage().arrayBuffers;
}

describe("TurnStream", () => {
  it("of a turn with only its result left sends the end to a reader, and no text twice", async () => {
    const { response } = DONE;
    const kept = TurnStream.ofEnded({ ...response, result: "all of it" });
    expect(texts(await read(kept))).to.deep.equal(["all of it"]);
    for (const after of [1, 2, 100]) {
      const frames = await read(kept, { after });
      expect(frames.map((frame) => [frame?.id, frame?.event])).to.deep.equal([
        [after + 1, "text"],
        [after + 2, "done"],
      ]);
      const deltas = await read(kept, { after, mode: "delta" });
      expect(deltas.map((frame) => [frame?.id, frame?.event])).to.deep.equal([[after + 1, "done"]]);
    }
  });

  it("events before the first read become one frame, with the id of the last event", async () => {
    const stream = streamOf("one ", "two ", "three");
    stream.push(DONE);
    const frames = await read(stream);
    expect(frames.map((frame) => [frame?.id, frame?.event])).to.deep.equal([
      [3, "text"],
      [4, "done"],
    ]);
    expect(texts(frames)).to.deep.equal(["one two three"]);
  });

  it("text carries all of it so far, delta only what is new, across other events", async () => {
    const stream = streamOf("one ");
    stream.push({ type: "queued", position: 2 });
    stream.push({ type: "text", delta: "two" });
    stream.push(DONE);
    expect(texts(await read(stream))).to.deep.equal(["one ", "one two"]);
    expect(texts(await read(stream, { mode: "delta" }))).to.deep.equal(["one ", "two"]);
  });

  it("a reader that reconnects with an id continues after it, even within text", async () => {
    const stream = streamOf("one ", "two ", "three");
    stream.push(DONE);
    expect(texts(await read(stream, { after: 2, mode: "delta" }))).to.deep.equal(["three"]);
    expect(texts(await read(stream, { after: 2 }))).to.deep.equal(["one two three"]);
    expect((await read(stream, { after: 3 })).map((frame) => frame?.event)).to.deep.equal(["done"]);
    expect(await read(stream, { after: 4 })).to.deep.equal([]);
    expect(await read(stream, { after: 999 })).to.deep.equal([]);
  });

  it("a reader waits for new events, at its own speed", async () => {
    const stream = new TurnStream();
    const reader = stream.read({ mode: "delta", after: 0, heartbeatMs: 10_000 });
    const first = reader.next();
    stream.push({ type: "text", delta: "a" });
    expect((await first).value).to.deep.equal({ id: 1, event: "text", data: "a" });
    for (const delta of ["b", "c", "d"]) stream.push({ type: "text", delta });
    expect((await reader.next()).value).to.deep.equal({ id: 4, event: "text", data: "bcd" });
    stream.push(DONE);
    expect((await reader.next()).value).to.include({ id: 5, event: "done" });
    expect((await reader.next()).done).to.equal(true);
  });

  it("full text is sent at most every 50 ms, and done does not wait for it", async () => {
    const stream = new TurnStream();
    const reader = stream.read({ mode: "text", after: 0, heartbeatMs: 10_000 });
    stream.push({ type: "text", delta: "a" });
    const before = performance.now();
    await reader.next();
    stream.push({ type: "text", delta: "b" });
    expect((await reader.next()).value).to.include({ data: "ab" });
    expect(performance.now() - before).to.be.above(40);
    stream.push({ type: "text", delta: "c" });
    stream.push(DONE);
    expect((await reader.next()).value).to.include({ data: "abc" });
    expect((await reader.next()).value).to.include({ event: "done" });
  });

  it("silence yields null repeatedly", async () => {
    const reader = new TurnStream().read({ mode: "text", after: 0, heartbeatMs: 5 });
    expect((await reader.next()).value).to.equal(null);
    expect((await reader.next()).value).to.equal(null);
    await reader.return();
  });

  it("done is the last event", async () => {
    const stream = streamOf("one");
    stream.push(DONE);
    stream.push({ type: "text", delta: " more" });
    expect(stream.text).to.equal("one");
    expect(stream.lastId).to.equal(2);
  });

  it("a long text is stored once, however many pieces and readers there are", async () => {
    const stream = new TurnStream();
    const readers = Array.from({ length: 20 }, () =>
      stream.read({ mode: "text", after: 0, heartbeatMs: 10_000 }),
    );
    for (let piece = 0; piece < 50_000; piece++) stream.push({ type: "text", delta: "twenty characters ok" });
    stream.push(DONE);
    const before = processorMs();
    for (const reader of readers) expect((await reader.next()).value).to.include({ id: 50_000 });
    expect(processorMs() - before, "a million characters for twenty readers").to.be.below(1000);
  });

  it("a text that comes character by character takes little more memory than its characters", async () => {
    const characters = 1_000_000;
    const before = memoryUsed();
    const stream = new TurnStream();
    for (let n = 0; n < characters; n++)
      stream.push({ type: "text", delta: String.fromCharCode(97 + (n % 26)) });
    expect((memoryUsed() - before) / characters, "bytes a character").to.be.below(10);
    expect(stream.bytes / characters).to.be.within(2, 20);
    expect(stream.lastId).to.equal(characters);
    stream.push(DONE);
    for (const after of [1, 26_000, 65_535, 65_536, 999_999]) {
      const deltas = await read(stream, { after, mode: "delta" });
      expect(texts(deltas).join(""), `after ${after}`).to.equal(stream.text.slice(after));
      expect(deltas.at(-2)?.id).to.equal(characters);
    }
  });

  it("a long text comes to a reader of new text in frames that end with an event", async () => {
    const stream = new TurnStream();
    const piece = "x".repeat(10_000);
    for (let n = 0; n < 1000; n++) stream.push({ type: "text", delta: piece });
    stream.push(DONE);
    const frames = await read(stream, { mode: "delta" });
    expect(texts(frames).join("")).to.equal(stream.text);
    for (const text of texts(frames)) expect(text).to.have.length.within(10_000, 270_000);
    const ids = frames.map((frame) => frame?.id);
    expect(ids.slice(0, 2)).to.deep.equal([27, 54]);
    expect(ids.slice(-2)).to.deep.equal([1000, 1001]);
    const [, second = null] = frames;
    expect(await read(stream, { mode: "delta", after: 27 })).to.deep.equal(frames.slice(1));
    expect(second?.data).to.have.length(270_000);
    expect(texts(await read(stream)), "all of it in text mode").to.deep.equal([stream.text]);
  });

  it("goes on from where it was parked, ids and text", async () => {
    const stream = new TurnStream({ text: "before ", lastId: 7 });
    stream.push({ type: "text", delta: "after" });
    stream.push(DONE);
    expect(stream.lastId).to.equal(9);
    expect(texts(await read(stream, { after: 7, mode: "delta" }))).to.deep.equal(["after"]);
    expect(texts(await read(stream, { after: 3 }))).to.deep.equal(["before after"]);
  });

  describe("with events that the request names", () => {
    const thinking = (text: string, parent?: string): TurnEvent => ({
      type: "thinking",
      data: { text, ...(parent !== undefined && { parent_tool_use_id: parent }) },
    });
    const result = (id: string, text: string): TurnEvent => ({
      type: "tool_result",
      data: { id, ok: true, text, length: text.length },
    });
    const dataOf = (frames: readonly (Frame | null)[], name: string) =>
      frames.filter((frame) => frame?.event === name).map((frame) => frame?.data);

    it("joins thinking of one agent that no client has read", async () => {
      const stream = new TurnStream();
      for (const event of [thinking("a"), thinking("b"), thinking("c", "toolu_1"), thinking("d")])
        stream.push(event);
      stream.push(DONE);
      const frames = await read(stream);
      expect(dataOf(frames, "thinking")).to.deep.equal([
        { text: "ab" },
        { text: "c", parent_tool_use_id: "toolu_1" },
        { text: "d" },
      ]);
      expect(frames.map((frame) => frame?.id)).to.deep.equal([1, 2, 3, 4]);
    });

    it("sends thinking that a client has read once", async () => {
      const stream = new TurnStream();
      stream.push(thinking("a"));
      const reading = stream.read({ mode: "text", after: 0, heartbeatMs: 10_000 });
      expect((await reading.next()).value).to.deep.include({ id: 1, data: { text: "a" } });
      stream.push(thinking("b"));
      stream.push(DONE);
      expect((await reading.next()).value).to.deep.include({ id: 2, data: { text: "b" } });
      expect(dataOf(await read(stream, { after: 1 }), "thinking")).to.deep.equal([{ text: "b" }]);
    });

    it("keeps nothing of those that were dropped but their ids", async () => {
      const stream = new TurnStream();
      for (let n = 0; n < 50_000; n++) stream.push(result(String(n), "x"));
      const before = memoryUsed();
      for (let n = 0; n < 500_000; n++) stream.push(result(String(n), "x"));
      expect((memoryUsed() - before) / 500_000, "bytes an event").to.be.below(10);
      stream.push(DONE);
      const frames = await read(stream);
      expect(frames.at(-1)?.id).to.equal(550_001);
      expect(frames.filter((frame) => frame?.event === "missed")).to.have.length(1);
    });

    it("keeps the latest of them, and says what a late client has missed", async () => {
      const stream = new TurnStream();
      const text = "x".repeat(16_384);
      stream.push({ type: "text", delta: "begun" });
      for (let count = 1; count <= 500; count++) stream.push(result(String(count), text));
      stream.push({ type: "text", delta: ", ended" });
      stream.push(DONE);
      expect(stream.bytes).to.be.below(5 * 1024 * 1024);
      const frames = await read(stream);
      expect(frames.map((frame) => frame?.event).slice(0, 3)).to.deep.equal([
        "text",
        "missed",
        "tool_result",
      ]);
      expect(dataOf(frames, "missed")).to.deep.equal([{}]);
      expect(dataOf(frames, "tool_result").at(-1)).to.include({ id: "500" });
      expect(texts(frames)).to.deep.equal(["begun", "begun, ended"]);
      expect(frames.at(-1)).to.include({ id: 503, event: "done" });
      const after = frames[1]?.id ?? 0;
      expect((await read(stream, { after }))[0], "nothing more was missed").to.include({
        event: "tool_result",
      });
    });
  });
});
