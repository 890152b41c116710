import { realpathSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The gateway's own code: this package and, in a checkout, the packages beside it. */
const CORE = realpathSync(fileURLToPath(new URL("../..", import.meta.url)));

/** The kind of an uncaught error. */
export type Uncaught = "exception" | "rejection";

/**
 * Finds which of these places (folders or files) contains the code that caused the error: the outermost stack frame in
 * one of them. Undefined if there is none, or if an exception has a frame of the gateway further out, because it then
 * interrupted the gateway. A rejected promise interrupts nothing.
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
    // The longest match: a plugin under development may have a gateway in its node_modules.
    const [innermost] = [...places, CORE]
      .filter((place) => isIn(frame, place))
      .sort((a, b) => b.length - a.length);
    const isOwn = innermost === CORE || (innermost === undefined && OWN_PACKAGE.test(frame));
    if (isOwn && uncaught === "exception") return undefined;
    if (innermost !== undefined && innermost !== CORE) return innermost;
  }
  return undefined;
}

/** The installed packages of the gateway. A first-party plugin among them is matched by its own place first. */
const OWN_PACKAGE = /\/node_modules\/(?:claudeway|@claudeway\/(?!plugin-)[^/]+)\//;

/** Stack frames of CommonJS modules have a path, those of ES modules a URL. */
function isIn(frame: string, place: string): boolean {
  return [place, pathToFileURL(place).href].some(
    (start) => frame.includes(`${start}/`) || frame.includes(`${start}:`),
  );
}

function stackOf(error: unknown): string {
  return error instanceof Error && typeof error.stack === "string" ? error.stack : "";
}
