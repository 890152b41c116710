import { lstat, readlink, realpath } from "node:fs/promises";
import { isAbsolute, join, sep } from "node:path";

const MAX_LINKS = 40;
/** How many names of paths are followed for one call, and how many of them the file system is asked about. */
const MAX_NAMES = 10_000;
const MAX_LOOKUPS = 2_000;
/** No path that a program can open is longer, nor any folder that it counts from. */
const MAX_LENGTH = 8_192;

/** Errors of what is not there, and can't be by that name. */
const MISSING: readonly unknown[] = ["ENOENT", "ENOTDIR", "ENAMETOOLONG"];

/** Names below /dev that mean another file to each process, as all below /proc does. */
const PER_PROCESS: readonly string[] = ["fd", "stdin", "stdout", "stderr"];

/** What stands at a path: a link, with its target; something else; nothing. */
type Standing = { readonly target: string } | "present" | "missing";

/**
 * Where the paths of one call lead. All are followed beforehand, without holding up anybody else, and no part of them
 * twice; what decides asks for the outcome. Beyond a bound nothing is looked at: such a path cannot be told.
 */
export class Links {
  readonly #reals = new Map<string, string | undefined>();
  readonly #standing = new Map<string, Standing>();
  #namesLeft = MAX_NAMES;
  #lookupsLeft = MAX_LOOKUPS;
  #closed = false;

  /**
   * Follows every link on the way of absolute paths, also in front of what does not exist yet: a link to a file that
   * is still to be written leads there as well. The first come first, should there be too many.
   */
  async follow(paths: Iterable<string>): Promise<void> {
    for (const path of paths) {
      if (this.#closed) return;
      if (!this.#reals.has(path)) this.#reals.set(path, await this.#realPath(path));
    }
  }

  /** Where a path that was followed leads; undefined where that cannot be told, or is another place for each process. */
  real(path: string): string | undefined {
    return this.#reals.get(path);
  }

  /** Nobody waits for it any more. */
  close(): void {
    this.#closed = true;
  }

  async #realPath(path: string): Promise<string | undefined> {
    if (path.length > MAX_LENGTH) return undefined;
    try {
      return await this.#walk(path);
    } catch {
      // A folder that may not be read, say: the way cannot be told, and the call is asked.
      return undefined;
    }
  }

  /** From the root on, one name after the other, as the system does. */
  async #walk(path: string): Promise<string | undefined> {
    const rest = namesOf(path);
    let at: string[] = [];
    /** How many names there are up to the first that does not exist: nothing below it does. */
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
    if (this.#lookupsLeft < 0) throw new Error("more names than are looked at");
    const standing = await standingAt(path);
    this.#standing.set(path, standing);
    return standing;
  }
}

/** Whether a path is a folder or something in it. */
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

/** Where names are the same in another case, as the folders have them; `there` is what of the path exists. */
async function inItsOwnCase(path: string, there: readonly string[]): Promise<string> {
  const folder = there.length === 0 ? sep : sep + there.join(sep);
  return join(await realpath(folder), path.slice(folder.length));
}

/** The last one first. */
function namesOf(path: string): string[] {
  return path
    .split(sep)
    .filter((name) => name !== "" && name !== ".")
    .reverse();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && MISSING.includes(error.code);
}
