import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** One key's log of one month. */
export interface LogFile {
  /** The key, or `_unauthorized`. */
  readonly folder: string;
  readonly path: string;
  readonly size: number;
}

/** The log's folders: one per key, and `_unauthorized` for refused requests. */
export async function logFolders(logDir: string): Promise<string[]> {
  const entries = await readdir(logDir, { withFileTypes: true }).catch(nothingThere);
  // A symbolic link is not a directory here, so nothing outside is read.
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** The existing files of a month. */
export async function monthFiles(
  logDir: string,
  folders: readonly string[],
  month: string,
): Promise<LogFile[]> {
  const files = await Promise.all(
    folders.map(async (folder): Promise<LogFile | undefined> => {
      const path = join(logDir, folder, `${month}.log`);
      const found = await stat(path).catch(() => undefined);
      return found?.isFile() ? { folder, path, size: found.size } : undefined;
    }),
  );
  return files.filter((file) => file !== undefined);
}

function nothingThere(error: NodeJS.ErrnoException): never[] {
  // Created with the first line.
  if (error.code === "ENOENT") return [];
  throw error;
}
