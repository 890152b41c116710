import { lstat, readlink, realpath } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";

const MAX_LINKS = 40;
/** Maximum path names to follow per call, and maximum file system lookups. */
const MAX_NAMES = 10_000;
const MAX_LOOKUPS = 2_000;
/** The maximum length of a path that a program can open, and of its base folder. */
const MAX_LENGTH = 8_192;

/** Errors for paths that do not exist or cannot exist. */
const MISSING: readonly unknown[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

/** Names below /dev that mean a different file for each process, like everything below /proc. */
const PER_PROCESS: readonly string[] = ["fd", "stdin", "stdout", "stderr"];

/** What exists at a path: a link with its target, something else, or nothing. */
type Standing = { readonly target: string } | "present" | "missing";

/**
 * Real locations of the paths of one call. All are resolved beforehand, without blocking the event loop, and no part twice.
 * The number of lookups is bounded: paths beyond it are unknown.
 */
export class Links {
  readonly #reals = new Map<string, string | undefined>();
  readonly #standing = new Map<string, Standing>();
  #namesLeft = MAX_NAMES;
  #lookupsLeft = MAX_LOOKUPS;
  #closed = false;

  /**
   * Follows every link in absolute paths, including links before a part that does not exist yet: a write through such a link
   * creates its target. If there are too many, the first ones are resolved.
   */
  async follow(paths: Iterable<string>): Promise<void> {
    for (const path of paths) {
      if (this.#closed) return;
      if (!this.#reals.has(path)) this.#reals.set(path, await this.#realPath(path));
    }
  }

  /** The real location of a resolved path; undefined if unknown, or different for each process. */
  real(path: string): string | undefined {
    return this.#reals.get(path);
  }

  /** The result is no longer needed. */
  close(): void {
    this.#closed = true;
  }

  async #realPath(path: string): Promise<string | undefined> {
    if (path.length > MAX_LENGTH) return undefined;
    try {
      return await this.#walk(path);
    } catch {
      // For example, an unreadable folder: the location is unknown, and the call is asked.
      return undefined;
    }
  }

  /** Resolves names one by one from the root, like the system. */
  async #walk(path: string): Promise<string | undefined> {
    const rest = namesOf(path);
    let at: string[] = [];
    /** Number of names up to the first missing one: nothing exists below it. */
    let missing = Number.POSITIVE_INFINITY;
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      this.#namesLeft -= 1;
      if (this.#namesLeft < 0 || this.#closed) return undefined;
      if (name === "..") at.pop();
      else at.push(name);
      if (isPerProcess(at)) return undefined;
      if (at.length < missing) missing = Number.POSITIVE_INFINITY;
      if (name === ".." || at.length >= missing) continue;
      const standing = await this.#lookUp(sep + at.join(sep));
      if (standing === "missing") missing = at.length;
      if (typeof standing === "string") continue;
      links += 1;
      if (links > MAX_LINKS) return undefined;
      if (isAbsolute(standing.target)) at = [];
      else at.pop();
      rest.push(...namesOf(standing.target));
    }
    const real = sep + at.join(sep);
    return process.platform === "darwin" ? inItsOwnCase(real, at.slice(0, missing - 1)) : real;
  }

  async #lookUp(path: string): Promise<Standing> {
    const known = this.#standing.get(path);
    if (known !== undefined) return known;
    this.#lookupsLeft -= 1;
    if (this.#lookupsLeft < 0) throw new Error("too many path names");
    const standing = await standingAt(path);
    this.#standing.set(path, standing);
    return standing;
  }
}

/** Whether a path is a folder or inside it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

async function standingAt(path: string): Promise<Standing> {
  try {
    return (await lstat(path)).isSymbolicLink() ? { target: await readlink(path) } : "present";
  } catch (error) {
    if (isMissing(error)) return "missing";
    throw error;
  }
}

function isPerProcess([first, second]: readonly string[]): boolean {
  return first === "proc" || (first === "dev" && PER_PROCESS.includes(second ?? ""));
}

/** On case-insensitive file systems: the names as stored; `there` is the existing part of the path. */
async function inItsOwnCase(path: string, there: readonly string[]): Promise<string> {
  const folder = there.length === 0 ? sep : sep + there.join(sep);
  return join(await realpath(folder), path.slice(folder.length));
}

/** Last one first. */
function namesOf(path: string): string[] {
  return path
    .split(sep)
    .filter((name) => name !== "" && name !== ".")
    .reverse();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && MISSING.includes(error.code);
}
