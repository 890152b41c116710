import type { FileHandle } from "node:fs/promises";

const CHUNK_BYTES = 64 * 1024;
/** Audit lines are much shorter; longer ones are skipped, so that a damaged file costs no memory. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 0x0a;

/** One line of a file, without its line break. */
export interface Line {
  readonly text: string;
  /** Offset of its first byte. */
  readonly offset: number;
}

/** The lines of one chunk. */
export interface Lines {
  /** Last line first. */
  readonly lines: readonly Line[];
  readonly bytes: number;
}

/** The lines of a file before `end`, last to first, one chunk at a time. */
export async function* readBackwards(file: FileHandle, end: number): AsyncGenerator<Lines, void> {
  let position = end;
  // The start of a line that ends in a later chunk is still unread.
  let rest: Buffer[] = [];
  let restBytes = 0;
  while (position > 0) {
    const size = Math.min(CHUNK_BYTES, position);
    const chunk = await readAt(file, position - size, size);
    position -= size;
    const first = position === 0 ? -1 : chunk.indexOf(NEWLINE);
    if (first === -1 && position > 0) {
      rest.unshift(chunk);
      restBytes += chunk.length;
      if (restBytes > MAX_LINE_BYTES) rest = [];
      yield { lines: [], bytes: size };
      continue;
    }
    const whole = Buffer.concat([chunk.subarray(first + 1), ...rest]);
    yield { lines: linesOf(whole, position + first + 1), bytes: size };
    rest = first === -1 ? [] : [chunk.subarray(0, first + 1)];
    restBytes = first + 1;
  }
}

async function readAt(file: FileHandle, position: number, size: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, position);
  return buffer.subarray(0, bytesRead);
}

function linesOf(whole: Buffer, start: number): Line[] {
  const lines: Line[] = [];
  let end = whole.length;
  while (end > 0) {
    const from = whole.lastIndexOf(NEWLINE, end - 1) + 1;
    if (from < end) lines.push({ text: whole.toString("utf8", from, end), offset: start + from });
    end = from - 1;
  }
  return lines;
}
