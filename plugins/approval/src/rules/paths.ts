import { homedir } from "node:os";
import { isAbsolute, join, resolve, sep } from "node:path";
import { hasHidden } from "./characters.js";
import type { Links } from "./links.js";

/** A path as it was written, made absolute, and where it leads. */
export interface Place {
  readonly written: string;
  readonly real: string;
}

/** Finds the place that a tool's path names; undefined where that cannot be told for sure. */
export function placeOf(path: string, cwd: string, links: Links): Place | undefined {
  // The CLI composes what was decomposed and trims: the file that it opens may be another one.
  if (path === "" || path !== path.trim() || path !== path.normalize("NFC") || hasHidden(path))
    return undefined;
  const [place, other] = placesOf(path, cwd, links) ?? [];
  // Where `..` comes after a link, it depends on the reader which file is meant.
  return other === undefined ? place : undefined;
}

/**
 * The places that a path may name, letter by letter as a program opens it: `..` is taken off the text by some, and by
 * the system off the folder that a link before it leads to. Undefined where the way cannot be followed.
 */
export function placesOf(path: string, cwd: string, links: Links): Place[] | undefined {
  const [written = "", ...others] = readingsOf(path, cwd);
  const reals = new Set<string>();
  for (const reading of [written, ...others]) {
    const real = links.real(reading);
    if (real === undefined) return undefined;
    reals.add(real);
  }
  return [...reals].map((real) => ({ written, real }));
}

/** The absolute paths that a path may be read as, for `Links` to follow. */
export function readingsOf(path: string, cwd: string): readonly [string, ...string[]] {
  const whole = untilded(path);
  const written = resolve(cwd, whole);
  if (!/(?:^|\/)\.\.(?:\/|$)/.test(whole)) return [written];
  return [written, isAbsolute(whole) ? whole : cwd + sep + whole];
}

function untilded(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}
