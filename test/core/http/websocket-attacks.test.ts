import { createTestGateway, type TestGateway } from "@claudeway/testing";
import { expect } from "chai";
import { eventually } from "../../e2e/poll.js";
import { RawClient } from "../../e2e/raw-client.js";

const [CONTINUATION, TEXT, BINARY, CLOSE, PING] = [0, 1, 2, 8, 9];
const MASK = Buffer.from([1, 2, 3, 4]);
const LIMIT = 65_536;

interface FrameOptions {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly masked?: boolean;
  /** What the frame says that its length is. */
  readonly length?: bigint;
}

/** A frame of RFC 6455, 5.2, right or wrong. */
function frame(opcode: number, payload: string | Buffer, options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, masked = true, length } = options;
  const bytes = Buffer.from(payload);
  const mask = masked ? 0x80 : 0;
  const size = length ?? BigInt(bytes.length);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  if (size < 126n) head.push(mask | Number(size));
  else if (size < 65_536n) head.push(mask | 126, Number(size >> 8n), Number(size & 255n));
  else {
    const long = Buffer.alloc(8);
    long.writeBigUInt64BE(size);
    head.push(mask | 127, ...long);
  }
  const body = masked ? bytes.map((byte, at) => byte ^ (MASK[at % 4] ?? 0)) : bytes;
  return Buffer.concat([Buffer.from(head), masked ? MASK : Buffer.alloc(0), body]);
}

const TASK = frame(TEXT, '{"prompt":"Hi"}');
const INTERRUPT = '{"event":"interrupt"}';

/** Frames, and how the socket is closed: with a code, or without a word. */
const ATTACKS: readonly (readonly [string, readonly Buffer[], number | "cut"])[] = [
  ["a task as it should be", [TASK], 1000],
  [
    "a task in pieces, with a ping in between",
    [frame(TEXT, '{"prompt":', { fin: false }), frame(PING, "x"), frame(CONTINUATION, '"Hi"}')],
    1000,
  ],
  [
    "a task of one letter a frame",
    [...'{"prompt":"Hi"}'].map((one, at, all) =>
      frame(at === 0 ? TEXT : CONTINUATION, one, { fin: at === all.length - 1 }),
    ),
    1000,
  ],
  ["a frame that is not masked", [frame(TEXT, "{}", { masked: false })], 1002],
  ["a frame with reserved bits", [frame(TEXT, "{}", { rsv: 1 })], 1002],
  ["a frame that claims to be compressed", [frame(TEXT, "\x1f\x8b", { rsv: 4 })], 1002],
  ["an invalid opcode", [frame(3, "{}")], 1002],
  ["a continuation of nothing", [frame(CONTINUATION, "{}")], 1002],
  ["a text in the middle of a text", [frame(TEXT, "{", { fin: false }), frame(TEXT, "}")], 1002],
  ["a ping of 126 bytes", [frame(PING, "x".repeat(126))], 1002],
  ["a ping in pieces", [frame(PING, "x", { fin: false })], 1002],
  ["a close without a reason that is one", [frame(CLOSE, "x")], 1002],
  ["a close with an invalid code", [frame(CLOSE, Buffer.from([0, 1]))], 1002],
  ["a close with a text that is not UTF-8", [frame(CLOSE, Buffer.from([3, 232, 255]))], 1007],
  ["a text that is not UTF-8", [frame(TEXT, Buffer.from([0xc0, 0xae]))], 1007],
  ["a length over all bounds", [frame(TEXT, "{}", { length: 1n << 62n })], 1009],
  ["a length that is negative", [frame(TEXT, "{}", { length: (1n << 64n) - 1n })], 1009],
  ["a length just over the limit", [frame(TEXT, "", { length: BigInt(LIMIT + 1) })], 1009],
  [
    "pieces that are too much together",
    [frame(TEXT, "x".repeat(LIMIT), { fin: false }), frame(CONTINUATION, "x")],
    1009,
  ],
  [
    "10,000 pieces of nothing",
    [
      frame(TEXT, "", { fin: false }),
      ...Array.from({ length: 10_000 }, () => frame(CONTINUATION, "", { fin: false })),
      frame(CONTINUATION, ""),
    ],
    1008,
  ],
  ["binary first", [frame(BINARY, "{}")], 1008],
  ["300 levels", [frame(TEXT, `{"prompt":${"[".repeat(300)}${"]".repeat(300)}}`)], 1008],
  ["levels without an end", [frame(TEXT, "[".repeat(60_000))], 1008],
  ["an interrupt first", [frame(TEXT, INTERRUPT)], 1008],
  ["a prototype", [frame(TEXT, '{"prompt":"x","__proto__":{"workdir":"/"}}')], 1008],
  ["a prototype in the metadata", [frame(TEXT, '{"prompt":"x","metadata":{"__proto__":"x"}}')], 1008],
  ["a field that no task has", [frame(TEXT, '{"prompt":"x","key":"admin"}')], 1008],
  ["a second task behind the first", [TASK, TASK], 1000],
  [
    "a thousand interrupts behind the task",
    [TASK, ...Array.from({ length: 1000 }, () => frame(TEXT, INTERRUPT))],
    1000,
  ],
  [
    "brackets behind the task",
    [TASK, ...Array.from({ length: 20 }, () => frame(TEXT, "[".repeat(60_000)))],
    1000,
  ],
  ["a thousand pings", [...Array.from({ length: 1000 }, () => frame(PING, "x")), TASK], "cut"],
];

describe("hostile WebSockets", () => {
  let gateway: TestGateway;
  const clients: RawClient[] = [];
  before(async () => {
    gateway = await createTestGateway({ config: { limits: { body_bytes: LIMIT } } });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.leave();
  });
  after(() => gateway.close());

  async function open(key = "user", more = ""): Promise<RawClient> {
    const client = await RawClient.open(gateway.url);
    clients.push(client);
    client.send(
      `GET /task/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${gateway.keys[key]}\r\nConnection: Upgrade\r\n` +
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`,
    );
    await eventually("the handshake", () => client.received.includes("\r\n\r\n"));
    return client;
  }

  /** The code of the last frame, if that closes. */
  function closeCode({ bytes }: RawClient): number | undefined {
    for (let at = bytes.indexOf("\r\n\r\n") + 4; at < bytes.length; ) {
      const [first = 0, second = 0] = bytes.subarray(at);
      const [size, head] =
        second < 126
          ? [second, 2]
          : second === 126
            ? [bytes.readUInt16BE(at + 2), 4]
            : [Number(bytes.readBigUInt64BE(at + 2)), 10];
      if ((first & 15) === CLOSE) return bytes.readUInt16BE(at + head);
      at += head + size;
    }
    return undefined;
  }

  for (const [name, frames, expected] of ATTACKS) {
    it(`${name}: ${expected}`, async () => {
      const logged = gateway.logs.length;
      const client = await open();
      client.send(Buffer.concat(frames));
      const code = await eventually(
        "the end",
        () => closeCode(client) ?? (client.isClosed && ("cut" as const)),
      );

      expect(code).to.equal(expected);
      expect(gateway.logs.slice(logged).filter(({ level }) => level === "error")).to.deep.equal([]);
      expect((await gateway.fetch("/health")).status).to.equal(200);
    });
  }

  it("negotiates no compression, which a zip bomb needs", async () => {
    const client = await open(
      "user",
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    );
    expect(client.received)
      .to.match(/^HTTP\/1\.1 101 /)
      .and.not.match(/extensions/i);
  });
});

describe("incomplete WebSocket messages", () => {
  it("share the budget of their key's bodies", async () => {
    await using gateway = await createTestGateway();
    const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.open(gateway.url)));
    const [talker, ...senders] = clients;
    const key = `Host: x\r\nAuthorization: Bearer ${gateway.keys["user"]}\r\n`;
    // A body may take minutes, a message 30 s, which the machine may need for so much.
    for (const sender of senders) {
      sender.send(
        `POST /task HTTP/1.1\r\n${key}Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n`,
      );
      await sender.sendWhole(Buffer.alloc(9_000_000, "x"));
    }
    talker?.send(
      `GET /task/ws HTTP/1.1\r\n${key}Connection: Upgrade\r\nUpgrade: websocket\r\n` +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await eventually("the handshake", () => talker?.received.includes("\r\n\r\n"));
    talker?.send(frame(TEXT, Buffer.alloc(9_000_000, "x"), { length: 10_000_000n }));
    try {
      await eventually("its refusal", () =>
        talker?.received.includes("too many bodies are being read at once"),
      );
      expect((await gateway.fetch("/task", { body: { prompt: "Hi" } })).status, "another key").to.equal(200);
    } finally {
      for (const client of clients) client.leave();
    }
    const again = () => gateway.fetch("/task", { body: { prompt: "Hi" }, key: "user" });
    await eventually("room again", async () => (await again()).ok);
  });
});
