import { realpathSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The gateway's own code: this package, and in a checkout those beside it. */
const CORE = realpathSync(fileURLToPath(new URL("../..", import.meta.url)));

/** How an error came to be uncaught. */
export type Uncaught = "exception" | "rejection";

/**
 * Which of these places (folders, or files) holds the code that set going what ended in this error: the outermost frame
 * of its stack that lies in one of them. Undefined: none does, or, for an exception, the gateway itself is further out:
 * it was interrupted in what it did. A promise that is rejected interrupts nobody.
 */
export function placeToBlame(
  error: unknown,
  places: readonly string[],
  uncaught: Uncaught,
): string | undefined {
  const frames = stackOf(error)
    .split("\n")
    .filter((line) => /^\s+at /.test(line));
  for (const frame of frames.reverse()) {
    // The longest: a plugin that is being worked on may have a gateway among its packages.
    const [innermost] = [...places, CORE]
      .filter((place) => isIn(frame, place))
      .sort((a, b) => b.length - a.length);
    const isOwn = innermost === CORE || (innermost === undefined && OWN_PACKAGE.test(frame));
    if (isOwn && uncaught === "exception") return undefined;
    if (innermost !== undefined && innermost !== CORE) return innermost;
  }
  return undefined;
}

/** The gateway's other packages where they are installed; a plugin among them is found by its own place first. */
const OWN_PACKAGE = /\/node_modules\/(?:claudeway|@claudeway\/(?!plugin-)[^/]+)\//;

/** Frames of CommonJS modules have a path, those of ES modules a URL. */
function isIn(frame: string, place: string): boolean {
  return [place, pathToFileURL(place).href].some(
    (start) => frame.includes(`${start}/`) || frame.includes(`${start}:`),
  );
}

function stackOf(error: unknown): string {
  return error instanceof Error && typeof error.stack === "string" ? error.stack : "";
}
