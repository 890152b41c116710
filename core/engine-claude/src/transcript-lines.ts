import type { FileHandle } from "node:fs/promises";

/** Read at once, in bytes. */
const CHUNK_BYTES = 256 * 1024;
/** A longer line is passed over, in bytes: it holds more than any page may. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** A line of a transcript, and where it begins and ends in the file. */
export interface TranscriptLine {
  readonly start: number;
  /** After its line break. */
  readonly end: number;
  readonly bytes: Buffer;
}

/** The lines that begin at `from` or later and end at `to` or earlier; one that is still being written is left out. */
export async function* linesBetween(
  file: FileHandle,
  from: number,
  to: number,
): AsyncGenerator<TranscriptLine, void> {
  let pieces: Buffer[] = [];
  let held = 0;
  let start = from;
  for (let at = from; at < to; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(CHUNK_BYTES, to - at)), {
      position: at,
    });
    if (bytesRead === 0) return;
    const chunk = buffer.subarray(0, bytesRead);
    let next = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, next)) {
      const rest = chunk.subarray(next, end);
      const isWhole = held + rest.length <= MAX_LINE_BYTES;
      if (isWhole) yield { start, end: at + end + 1, bytes: Buffer.concat([...pieces, rest]) };
      pieces = [];
      held = 0;
      next = end + 1;
      start = at + next;
    }
    const rest = chunk.subarray(next);
    held += rest.length;
    if (held <= MAX_LINE_BYTES) pieces.push(rest);
    else pieces = [];
    at += bytesRead;
  }
}

/**
 * The lines of a file, the last one first. Undefined, and nothing after it, instead of one that begins further than `maxBytes`
 * from the end.
 */
export async function* linesFromEnd(
  file: FileHandle,
  maxBytes: number,
): AsyncGenerator<Buffer | undefined, void> {
  const { size } = await file.stat();
  /** Of the line whose beginning is still to be read. */
  let pieces: Buffer[] = [];
  for (let at = size; at > 0; ) {
    const length = Math.min(CHUNK_BYTES, at, maxBytes - (size - at));
    if (length === 0) return yield undefined;
    const chunk = Buffer.alloc(length);
    const { bytesRead } = await file.read(chunk, { position: at - length });
    if (bytesRead < length) return yield undefined;
    let rest = chunk;
    for (let end = rest.lastIndexOf(10); end !== -1; end = rest.lastIndexOf(10)) {
      yield Buffer.concat([rest.subarray(end + 1), ...pieces]);
      pieces = [];
      rest = rest.subarray(0, end);
    }
    pieces.unshift(rest);
    at -= length;
  }
  yield Buffer.concat(pieces);
}
