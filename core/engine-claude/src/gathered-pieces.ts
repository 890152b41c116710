import type { Readable } from "node:stream";

/** How closely pieces of a burst follow each other, and how long its next piece is gathered, in ms. */
const GATHER_MS = 2;
/** A longer piece, in characters, is a part of a large output, whose rest need not be gathered. */
const MAX_GATHERED = 16 * 1024;

/** What Node reads a pipe with. */
interface Handle {
  readStart(): void;
  readStop(): void;
}

/**
 * Reads bursts in a few pieces. The CLI writes each line by itself, and each piece wakes the process up. The first piece
 * after a rest is read at once; while others follow closely, the pipe is left alone for a moment after each of them.
 */
export function gatherPieces(pipe: Readable): void {
  let last = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  pipe.on("data", ({ length }: string) => {
    const now = performance.now();
    const isBurst = now - last < GATHER_MS && length <= MAX_GATHERED;
    last = now;
    if (!isBurst) return;
    // Node's own `pause` goes on reading, piece by piece, into memory.
    handleOf(pipe)?.readStop();
    timer = setTimeout(() => {
      last = performance.now();
      handleOf(pipe)?.readStart();
    }, GATHER_MS);
  });
  pipe.once("close", () => clearTimeout(timer));
}

/** Undefined where the pipe is closed, or is none of Node's. */
function handleOf(pipe: Readable): Handle | undefined {
  const handle: unknown = Reflect.get(pipe, "_handle");
  return isHandle(handle) ? handle : undefined;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null && "readStop" in value && "readStart" in value;
}
