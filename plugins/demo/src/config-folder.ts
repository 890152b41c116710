import { hash } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";

/** Opens the CLI's folder, which is kept and private. Resolves to its absolute path. */
export async function openConfigFolder(named: string): Promise<string> {
  const path = resolve(named);
  await mkdir(path, { recursive: true });
  await chmod(path, 0o700);
  return path;
}

/**
 * The folder in `folder` that stands for the folder `own`, made if it is missing: keys that do not share a folder of the
 * CLI do not share one here.
 */
export async function folderInsteadOf(own: string | undefined, folder: string): Promise<string> {
  if (own === undefined) return folder;
  const path = join(folder, hash("sha256", own).slice(0, 16));
  await mkdir(join(path, "tmp"), { recursive: true, mode: 0o700 });
  return path;
}
