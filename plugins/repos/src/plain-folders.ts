import { lstat } from "node:fs/promises";
import { join } from "node:path";

/** Whether there is a folder at the path, and not a link to one. */
export async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() === true;
}

/** Whether each step from a folder to a path below it is a folder, and not a link to one. */
export async function isFolderWithin(folder: string, path: string): Promise<boolean> {
  let step = folder;
  for (const name of path.split("/")) {
    step = join(step, name);
    if (!(await isFolder(step))) return false;
  }
  return true;
}
