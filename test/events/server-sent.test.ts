import { expect } from "chai";
import { encodeFrames, type SentFrame } from "#events/server-sent.js";
import { TurnStream } from "#events/turn-stream.js";

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
});
