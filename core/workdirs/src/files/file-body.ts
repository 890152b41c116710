import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { GatewayError, messageOf } from "@claudeway/ports";
import type { ByteRange } from "./range.js";

/** Read at once, in bytes. */
const CHUNK_BYTES = 128 * 1024;

/**
 * A part of an open file as a stream that pulls, and closes the file at its end. A file that has become shorter
 * meanwhile is an error: its reader was promised more.
 */
export function fileStream(file: FileHandle, { first, last }: ByteRange): Readable {
  const chunks = chunksOf(file, first, last);
  const stream = Readable.from(chunks, { objectMode: false, highWaterMark: CHUNK_BYTES });
  // Not in the generator: one that was never begun, since the client has left, runs nothing at its end.
  stream.once("close", () => void file.close().catch(() => undefined));
  return stream;
}

async function* chunksOf(file: FileHandle, first: number, last: number): AsyncGenerator<Buffer, void> {
  for (let at = first; at <= last; ) {
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, last - at + 1));
    const { bytesRead } = await file.read(buffer, { position: at });
    if (bytesRead === 0) throw new Error("a file became shorter while it was sent");
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** Writes a request's body into an open file. Resolves to its size. Throws BAD_REQUEST where the body breaks off. */
export function receiveFile(request: IncomingMessage, file: FileHandle): Promise<number> {
  return writeAll(bodyOf(request), file);
}

/** Writes all that comes into an open file. Resolves to its size. */
export async function writeAll(chunks: AsyncIterable<Buffer>, file: FileHandle): Promise<number> {
  let size = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten;
    size += chunk.length;
  }
  return size;
}

async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer, void> {
  try {
    yield* request;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    throw new GatewayError("BAD_REQUEST", `the body broke off: ${messageOf(error)}`);
  }
}
