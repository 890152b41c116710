import { expect } from "chai";
import { encodeFrames, type SentFrame } from "#events/server-sent.js";
import { TurnStream } from "#events/turn-stream.js";
import { heapUsed } from "../heap.js";

/** More than one piece, with whatever must not be parted at each of their ends. */
const LONG = ["a\r\n", "a\r", "\r\n", "𝄞a", "a𝄞", "\n\n", "\r𝄞", 'ä€\u0001"\\'].map((text) =>
  text.repeat(50_000),
);
const RESPONSE = {
  session_id: "s",
  success: true,
  duration_ms: 1,
  tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
  cost_usd: 0,
  error: null,
} as const;

async function encoded(...frames: readonly SentFrame[]): Promise<string[]> {
  async function* all() {
    yield* frames;
  }
  const pieces: string[] = [];
  for await (const piece of encodeFrames(all())) pieces.push(piece);
  return pieces;
}

/** As bytes that a client decodes: each piece is encoded by itself. */
function received(pieces: readonly string[]): string {
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString();
}

describe("frames as server-sent events", () => {
  it("have the same text, in however many pieces they come", async () => {
    for (const text of ["", "a", "\n", ...LONG]) {
      const lines = text.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
      const whole = `id: 1\nevent: text\n${lines.join("")}\n`;
      const pieces = await encoded({ id: 1, event: "text", data: text });
      expect(received(pieces) === whole, JSON.stringify(text.slice(0, 10))).to.equal(true);
    }
  });

  it("have the same text, cut out of a stream at any offset", async () => {
    for (const text of LONG) {
      const stream = new TurnStream();
      for (let at = 0; at < text.length; at += 29_999)
        stream.push({ type: "text", delta: text.slice(at, at + 29_999) });
      for (const mode of ["text", "delta"] as const)
        for (const after of [0, 1]) {
          const reader = stream.read({ mode, after, heartbeatMs: 1000 });
          const { value: frame } = await reader.next();
          if (frame === undefined || frame === null) throw new Error("no frame");
          const pieces = await encoded(frame);
          expect(frame.data, "the data").to.equal(
            text.slice(mode === "text" ? 0 : after * 29_999, frame.id * 29_999),
          );
          const same = received(pieces) === received(await encoded({ ...frame }));
          expect(same, `${mode}, ${JSON.stringify(text.slice(0, 10))}`).to.equal(true);
          await reader.return();
        }
    }
  });

  it("have the same JSON, in however many pieces they come", async () => {
    const all = [...LONG, "a", ""].flatMap((text) => [
      { ...RESPONSE, result: text, code: undefined },
      { result: text },
      [text],
      { deep: { text } },
      {},
      null,
    ]);
    for (const data of all) {
      const pieces = await encoded({ id: 1, event: "done", data });
      const whole = `id: 1\nevent: done\ndata: ${JSON.stringify(data)}\n\n`;
      expect(received(pieces) === whole, whole.slice(0, 200)).to.equal(true);
    }
  });

  it("come in pieces that a slow reader's connection can hold", async () => {
    const result = "all of it\n".repeat(1_000_000);
    for (const mode of ["text", "delta"] as const) {
      const frames = TurnStream.ofEnded({ ...RESPONSE, result }).read({ mode, after: 0, heartbeatMs: 1000 });
      let length = 0;
      for await (const piece of encodeFrames(frames)) {
        expect(piece.length).to.be.below(200_000);
        length += piece.length;
      }
      expect(length).to.be.above(2 * result.length);
    }
  });

  for (const mode of ["text", "delta"] as const)
    it(`hold a piece for each slow reader of a growing text, wherever it is: ${mode}`, async () => {
      const stream = new TurnStream();
      for (let n = 0; n < 64; n++) stream.push({ type: "text", delta: "x".repeat(65_536) });
      // The pieces become one text.
      expect(stream.text).to.have.length(4 * 1024 * 1024);
      const before = heapUsed();
      const readers: AsyncGenerator<string>[] = [];
      for (let n = 0; n < 20; n++) {
        stream.push({ type: "text", delta: "one more" });
        const reader = encodeFrames(stream.read({ mode, after: 0, heartbeatMs: 1000 }));
        expect((await reader.next()).value).to.have.length.above(65_536);
        readers.push(reader);
      }
      expect(heapUsed() - before, "for 20 readers of 4 MiB").to.be.below(4 * 1024 * 1024);
      for (const reader of readers) await reader.return(undefined);
    });
});
