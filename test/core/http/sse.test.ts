import { expect } from "chai";
import { HEARTBEAT_MS, sendFrames } from "#core/http/sse.js";
import { TurnStream } from "#events/turn-stream.js";
import { type Served, serve } from "./kit.js";

const RESPONSE = {
  session_id: "s",
  result: "",
  success: true,
  duration_ms: 1,
  tokens: { input: 0, output: 0, cache_read: 0, cache_write: 0 },
  cost_usd: 0,
  error: null,
} as const;

describe("server-sent events", () => {
  let served: Served | undefined;
  afterEach(() => served?.close());

  async function open(stream: TurnStream, mode: "text" | "delta" = "text"): Promise<Response> {
    served = await serve((ctx) =>
      sendFrames(ctx, stream.read({ mode, after: 0, heartbeatMs: HEARTBEAT_MS })),
    );
    return fetch(served.url);
  }

  it("carry id, event and data; a line break of any kind ends a data line", async () => {
    const stream = new TurnStream();
    stream.push({ type: "text", delta: "one\ntwo\r\nthree\rfour\n" });
    stream.push({ type: "queued", position: 3 });
    stream.push({ type: "done", response: RESPONSE });
    expect(await (await open(stream)).text()).to.equal(
      "id: 1\nevent: text\ndata: one\ndata: two\ndata: three\ndata: four\ndata: \n\n" +
        'id: 2\nevent: queued\ndata: {"position":3}\n\n' +
        `id: 3\nevent: done\ndata: ${JSON.stringify(RESPONSE)}\n\n`,
    );
  });

  it("no text can pass for an event", async () => {
    const stream = new TurnStream();
    stream.push({ type: "text", delta: "\n\nid: 9\nevent: done\ndata: {}\n\n" });
    stream.push({ type: "done", response: RESPONSE });
    const text = await (await open(stream)).text();
    expect(text.match(/^event: .*/gm)).to.deep.equal(["event: text", "event: done"]);
  });

  it("forbid buffering, caching and transformation by proxies", async () => {
    const stream = new TurnStream();
    stream.push({ type: "done", response: RESPONSE });
    const { headers } = await open(stream);
    expect(headers.get("content-type")).to.equal("text/event-stream; charset=utf-8");
    expect(headers.get("cache-control")).to.equal("no-cache, no-transform");
    expect(headers.get("x-accel-buffering")).to.equal("no");
  });

  it("send headers before the first event", async () => {
    const stream = new TurnStream();
    const response = await open(stream);
    expect(response.status).to.equal(200);
    stream.push({ type: "done", response: RESPONSE });
    expect(await response.text()).to.match(/^id: 1\nevent: done\n/);
  });

  it("a stalled reader costs no more than the socket buffers", async () => {
    const stream = new TurnStream();
    const response = await open(stream, "delta");
    const piece = "x".repeat(100_000);
    for (let count = 0; count < 300; count++) {
      stream.push({ type: "text", delta: piece });
      await new Promise((resolve) => setImmediate(resolve));
    }
    stream.push({ type: "done", response: RESPONSE });
    const frames = (await response.text()).match(/^event: text$/gm) ?? [];
    expect(frames.length, "frames for 300 pieces, 30 MB").to.be.below(300);
  });
});
