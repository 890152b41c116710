import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { hasHidden } from "./characters.js";

/** A path as it was written, made absolute, and where it leads. */
export interface Place {
  readonly written: string;
  readonly real: string;
}

const MAX_LINKS = 40;

/** Folders whose links mean another thing to each process that follows them. */
const PER_PROCESS = ["/proc", "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"];

/** Finds the place that a tool's path names; undefined where that cannot be told for sure. */
export function placeOf(path: string, cwd: string): Place | undefined {
  // The CLI composes what was decomposed and trims: the file that it opens may be another one.
  if (path === "" || path !== path.trim() || path !== path.normalize("NFC") || hasHidden(path))
    return undefined;
  const written = resolve(cwd, untilded(path));
  if (PER_PROCESS.some((folder) => isWithin(written, folder))) return undefined;
  const real = realPath(written);
  if (real === undefined || PER_PROCESS.some((folder) => isWithin(real, folder))) return undefined;
  return { written, real };
}

/**
 * Follows every link, also in front of what does not exist yet: a link to a file that is still to be written leads
 * there as well. Undefined where the way cannot be followed.
 */
export function realPath(path: string, links = 0): string | undefined {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (!isMissing(error) || links > MAX_LINKS || path === dirname(path)) return undefined;
  }
  const parent = realPath(dirname(path), links + 1);
  if (parent === undefined) return undefined;
  const target = linkTarget(path);
  if (target === undefined) return join(parent, basename(path));
  return realPath(resolve(parent, target), links + 1);
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
  } catch {
    return undefined;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
