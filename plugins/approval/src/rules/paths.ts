import { homedir } from "node:os";
import { isAbsolute, join, resolve, sep } from "node:path";
import { hasHidden } from "./characters.js";
import type { Links } from "./links.js";

/** A path as written, made absolute, and its real location. */
export interface Place {
  readonly written: string;
  readonly real: string;
}

/** Resolves a tool's path; undefined if uncertain. */
export function placeOf(path: string, cwd: string, links: Links): Place | undefined {
  // The CLI normalises and trims the path, so it may open another file.
  if (path === "" || path !== path.trim() || path !== path.normalize("NFC") || hasHidden(path))
    return undefined;
  const [place, other] = placesOf(path, cwd, links) ?? [];
  // For `..` after a link, programs disagree on the file.
  return other === undefined ? place : undefined;
}

/**
 * The places that a path may mean for a program: some remove `..` from the text, while the system applies it to the target of
 * a link before it. Undefined if the path cannot be resolved.
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

/** The absolute paths that a path may mean, for `Links` to resolve. */
export function readingsOf(path: string, cwd: string): readonly [string, ...string[]] {
  const whole = untilded(path);
  const written = resolve(cwd, whole);
  if (!/(?:^|\/)\.\.(?:\/|$)/.test(whole)) return [written];
  return [written, isAbsolute(whole) ? whole : cwd + sep + whole];
}

function untilded(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}
