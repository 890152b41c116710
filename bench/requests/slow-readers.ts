import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { KEYS, type TestGateway } from "../../test/e2e/gateway.js";
import { probe } from "../probe.js";

const WORDS = 20_000;
const SLOW = 10;
const BYTES_A_SECOND = 50_000;
const STEP_MS = 100;

export type Mode = "text" | "delta";

/** One answer of 20,000 words, read by some at 50 kB/s and by one as fast as it can. */
export interface Reading {
  readonly mode: Mode;
  readonly textBytes: number;
  /** What the fast one was sent. */
  readonly fastBytes: number;
  /** What a slow one was sent. */
  readonly slowBytes: number;
  /** The memory that the gateway holds more with ten slow readers in the middle of it, in bytes a reader. */
  readonly heldBytes: number;
}

export async function slowReaders(gateway: TestGateway, mode: Mode): Promise<Reading> {
  const before = await probe(gateway);
  const started = await gateway.fetch("/task/stream", {
    body: { prompt: `[[words ${WORDS}]]`, detach: true, timeout_secs: 600 },
  });
  const turn = started.headers.get("x-turn-id");
  await started.body?.cancel();
  const path = `/turns/${turn}/events?stream=${mode}`;
  const fast = read(gateway, path, Number.POSITIVE_INFINITY);
  const one = await probe(gateway);
  const slow = Array.from({ length: SLOW }, () => read(gateway, path, BYTES_A_SECOND));
  await fast;
  const all = await probe(gateway);
  const { body } = await gateway.request<{ result: { result: string } }>(`/turns/${turn}`);
  const textBytes = Buffer.byteLength(body.result.result);
  const [slowBytes = 0] = await Promise.all(slow);
  // The text itself is held once, however many read it.
  const held = all.held - Math.max(one.held, before.held) - 2 * textBytes;
  return { mode, textBytes, fastBytes: await fast, slowBytes, heldBytes: Math.max(held, 0) / SLOW };
}

/** Reads an answer to its end at that speed; resolves to how many bytes it was, head included. */
async function read(gateway: TestGateway, path: string, bytesASecond: number): Promise<number> {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${KEYS.admin}\r\n\r\n`,
  );
  let bytes = 0;
  const started = performance.now();
  for await (const chunk of socket) {
    bytes += chunk.length;
    while (performance.now() - started < (bytes / bytesASecond) * 1000) await sleep(STEP_MS);
  }
  return bytes;
}
