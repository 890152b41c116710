import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, isAbsolute, join, resolve, sep } from "node:path";
import { hasHidden } from "./characters.js";

/** A path as it was written, made absolute, and where it leads. */
export interface Place {
  readonly written: string;
  readonly real: string;
}

const MAX_LINKS = 40;

/** Errors of what is not there, and can't be by that name. */
const MISSING: readonly unknown[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

/** Folders whose links mean another thing to each process that follows them. */
const PER_PROCESS = ["/proc", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"];

/** Finds the place that a tool's path names; undefined where that cannot be told for sure. */
export function placeOf(path: string, cwd: string): Place | undefined {
  // The CLI composes what was decomposed and trims: the file that it opens may be another one.
  if (path === "" || path !== path.trim() || path !== path.normalize("NFC") || hasHidden(path))
    return undefined;
  const [place, other] = placesOf(path, cwd) ?? [];
  // Where `..` comes after a link, it depends on the reader which file is meant.
  return other === undefined ? place : undefined;
}

/**
 * The places that a path may name, letter by letter as a program opens it: `..` is taken off the text by some, and by
 * the system off the folder that a link before it leads to. Undefined where the way cannot be followed.
 */
export function placesOf(path: string, cwd: string): Place[] | undefined {
  const whole = untilded(path);
  const written = resolve(cwd, whole);
  const reals = [written, isAbsolute(whole) ? whole : cwd + sep + whole].map(realPath);
  const [real, otherReal] = reals;
  if (real === undefined || otherReal === undefined) return undefined;
  return [...new Set([real, otherReal])].map((one) => ({ written, real: one }));
}

/**
 * Follows every link, also in front of what does not exist yet: a link to a file that is still to be written leads
 * there as well. Undefined where the way cannot be followed, or is another one for each process.
 */
export function realPath(path: string): string | undefined {
  try {
    const followed = follow(path);
    return followed === undefined ? undefined : inItsOwnCase(followed);
  } catch {
    return undefined;
  }
}

/** From the root on, one name after the other, as the system does. */
function follow(path: string): string | undefined {
  const rest = namesOf(path);
  let at: string = sep;
  let links = 0;
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    const next = name === ".." ? dirname(at) : join(at, name);
    if (PER_PROCESS.some((folder) => isWithin(next, folder))) return undefined;
    const target = linkTarget(next);
    if (target === undefined) {
      at = next;
      continue;
    }
    links += 1;
    if (links > MAX_LINKS) return undefined;
    if (isAbsolute(target)) at = sep;
    rest.push(...namesOf(target));
  }
  return at;
}

/** The last one first. */
function namesOf(path: string): string[] {
  return path
    .split(sep)
    .filter((name) => name !== "" && name !== ".")
    .reverse();
}

/** Where names are the same in another case, as the folder has them. */
function inItsOwnCase(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (!isMissing(error) || path === dirname(path)) throw error;
  }
  return join(inItsOwnCase(dirname(path)), basename(path));
}

/** Whether a path is a folder or something in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function untilded(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
}

function linkTarget(path: string): string | undefined {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && MISSING.includes(error.code);
}
