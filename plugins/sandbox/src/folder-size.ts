import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What a file counts at least: empty files take space too. */
const MIN_FILE_BYTES = 4096;
const BLOCK_BYTES = 512;
/** How many files are looked at together. */
const AT_ONCE = 64;

/**
 * The bytes on disk of a folder with all that is in it. Links are not followed; what disappears meanwhile counts nothing.
 *
 * @param enough counting ends above this many bytes
 */
export async function folderBytes(folder: string, enough: number): Promise<number> {
  const linked = new Set<string>();
  const folders = [folder];
  let bytes = 0;
  for (let path = folders.pop(); path !== undefined && bytes <= enough; path = folders.pop()) {
    const entries = await entriesOf(path);
    for (let from = 0; from < entries.length && bytes <= enough; from += AT_ONCE) {
      const some = entries.slice(from, from + AT_ONCE);
      const sizes = await Promise.all(some.map((entry) => sizeOf(join(path, entry.name), linked)));
      bytes += sizes.reduce((sum, size) => sum + size, 0);
    }
    folders.push(...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(path, name)));
  }
  return bytes;
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** A file with several names counts once. */
async function sizeOf(path: string, linked: Set<string>): Promise<number> {
  try {
    const { blocks, nlink, dev, ino } = await lstat(path);
    if (nlink > 1) {
      const name = `${dev}:${ino}`;
      if (linked.has(name)) return 0;
      linked.add(name);
    }
    return Math.max(blocks * BLOCK_BYTES, MIN_FILE_BYTES);
  } catch {
    return 0;
  }
}
