import type { Stats } from "node:fs";
import { access, constants, lstat, opendir } from "node:fs/promises";

/** What a name counts at least: empty files take space too, and further names of a file take time to look at. */
const MIN_BYTES = 4096;
const BLOCK_BYTES = 512;
/** How many files are looked at together. */
const AT_ONCE = 64;
/** A folder with more files than this counts as full: looking at them would take too long. */
const MAX_NAMES = 1_000_000;
/** How much of a path is shown. */
const SHOWN = 100;

/** What a folder holds. */
export interface FolderSize {
  readonly bytes: number;
  /** Why it can hold more than these, as the end of "it can't be measured: …". */
  readonly problem?: string;
}

/** Paths and names are in latin1, one character for each byte: names need not be UTF-8. */
interface Place {
  readonly parent: string;
  readonly name: string;
}

/**
 * Measures a folder with all that is in it, some files at a time. Links are not followed; what disappears meanwhile counts
 * nothing. A file counts its bytes on disk once, however many names it has.
 *
 * @param enough measuring ends above this many bytes
 */
export async function* walkFolder(folder: string, enough: number): AsyncGenerator<void, FolderSize, void> {
  const root = Buffer.from(folder).toString("latin1");
  const linked = new Set<string>();
  const places: Place[] = [{ parent: root, name: "" }];
  let bytes = 0;
  let names = 0;
  let problem: string | undefined;
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const parent = pathOf(place);
    try {
      for await (const some of namesIn(parent)) {
        names += some.length;
        if (names > MAX_NAMES) {
          return { bytes: Number.POSITIVE_INFINITY, problem: `it holds more than ${MAX_NAMES} files` };
        }
        const found = await Promise.all(some.map((name) => lookAt(pathOf({ parent, name }))));
        for (const [index, stats] of found.entries()) {
          if (stats === undefined) continue;
          bytes += sizeOf(stats, linked);
          const name = some[index];
          if (stats.isDirectory() && name !== undefined) places.push({ parent, name });
        }
        if (bytes > enough) return { bytes };
        yield;
      }
    } catch (error) {
      if (!isGone(error) && !(await isClosed(parent))) problem = problemOf(error, parent.slice(root.length));
    }
    yield;
  }
  return { bytes, ...(problem !== undefined && { problem }) };
}

/** The size of a folder, measured at once. */
export async function folderSize(folder: string, enough: number): Promise<FolderSize> {
  const walk = walkFolder(folder, enough);
  for (;;) {
    const { done, value } = await walk.next();
    if (done === true) return value;
  }
}

function pathOf({ parent, name }: Place): string {
  return name === "" ? parent : `${parent}/${name}`;
}

/** The names in a folder, some at a time. */
async function* namesIn(path: string): AsyncGenerator<string[], void, void> {
  const folder = await opendir(Buffer.from(path, "latin1"), { encoding: "latin1", bufferSize: AT_ONCE });
  let some: string[] = [];
  for await (const { name } of folder) {
    some.push(name);
    if (some.length < AT_ONCE) continue;
    yield some;
    some = [];
  }
  if (some.length > 0) yield some;
}

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(Buffer.from(path, "latin1"));
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function sizeOf(stats: Stats, linked: Set<string>): number {
  const { blocks, nlink, dev, ino } = stats;
  if (nlink > 1 && !stats.isDirectory()) {
    const file = `${dev}:${ino}`;
    if (linked.has(file)) return MIN_BYTES;
    linked.add(file);
  }
  return Math.max(blocks * BLOCK_BYTES, MIN_BYTES);
}

/** A folder of another user that this one can't enter: nothing in it comes from a sandbox. */
async function isClosed(path: string): Promise<boolean> {
  const bytes = Buffer.from(path, "latin1");
  const user = process.getuid?.();
  const owner = await lstat(bytes).then(
    ({ uid }) => uid,
    () => user,
  );
  if (user === 0 || owner === user) return false;
  return access(bytes, constants.X_OK).then(
    () => false,
    (error: unknown) => codeOf(error) === "EACCES",
  );
}

/** Why a folder can't be read; throws where that is not the folder's fault. */
function problemOf(error: unknown, path: string): string {
  const name = Buffer.from(path.slice(1), "latin1").toString();
  const shown = JSON.stringify(name.length > SHOWN ? `${name.slice(0, SHOWN)}…` : name || ".");
  switch (codeOf(error)) {
    case "EACCES":
    case "EPERM":
      return `its folder ${shown} can't be read; make it readable or delete it`;
    case "ENAMETOOLONG":
      return `its folder ${shown} is nested too deep; delete it`;
    default:
      throw error;
  }
}

function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR"].includes(codeOf(error));
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, "code") : undefined;
  return typeof code === "string" ? code : "";
}
