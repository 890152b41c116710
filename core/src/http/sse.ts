import { Readable } from "node:stream";
import { encodeFrames, type SentFrame } from "@claudeway/events";
import { GatewayError } from "@claudeway/ports";
import type { GatewayContext } from "./context.js";

/** A comment after this many ms without an event keeps proxies from closing the connection. */
export const HEARTBEAT_MS = 15_000;

/** The last event that the client read, which browsers send when they reconnect; undefined if it says none. */
export function lastEventId(ctx: GatewayContext, maxDigits: number): number | undefined {
  const id = ctx.get("last-event-id");
  if (id === "") return undefined;
  if (/^\d+$/.test(id) && id.length <= maxDigits && Number.isSafeInteger(Number(id))) return Number(id);
  throw new GatewayError(
    "BAD_REQUEST",
    `Last-Event-ID must be the id of an event, got ${JSON.stringify(id)}`,
  );
}

/**
 * Answers with server-sent events (WHATWG HTML, "Server-sent events"); null is a comment. The frames are pulled: a reader
 * that is slow gets fewer of them and costs no memory.
 */
export function sendFrames(ctx: GatewayContext, frames: AsyncIterable<SentFrame | null>): void {
  ctx.set({
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    "x-accel-buffering": "no",
  });
  ctx.status = 200;
  ctx.body = Readable.from(encodeFrames(frames), {
    objectMode: false,
    highWaterMark: 16_384,
  });
  // The headers are sent at once, since the first event may take long and the client needs the id of its turn.
  ctx.flushHeaders();
}
