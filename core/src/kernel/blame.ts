import { realpathSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The gateway's own code: this package. */
const CORE = realpathSync(fileURLToPath(new URL("../..", import.meta.url)));

/**
 * Which of these places (folders, or files) holds the code that set going what ended in this error: the outermost frame
 * of its stack that lies in one of them, or in the gateway itself, decides. Undefined: it was the gateway, or nobody
 * whom a stack tells.
 */
export function placeToBlame(error: unknown, places: readonly string[]): string | undefined {
  const frames = stackOf(error)
    .split("\n")
    .filter((line) => /^\s+at /.test(line));
  for (const frame of frames.reverse()) {
    // The longest: a plugin that is being worked on may have a gateway among its packages.
    const [innermost] = [...places, CORE]
      .filter((place) => isIn(frame, place))
      .sort((a, b) => b.length - a.length);
    if (innermost !== undefined) return innermost === CORE ? undefined : innermost;
  }
  return undefined;
}

/** Frames of CommonJS modules have a path, those of ES modules a URL. */
function isIn(frame: string, place: string): boolean {
  return [place, pathToFileURL(place).href].some(
    (start) => frame.includes(`${start}/`) || frame.includes(`${start}:`),
  );
}

function stackOf(error: unknown): string {
  return error instanceof Error && typeof error.stack === "string" ? error.stack : "";
}
