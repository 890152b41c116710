import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** The CLI's folder while the demo is on. */
export interface ConfigFolder {
  /** Absolute. */
  readonly path: string;
  /** Removes it if it was created for this run. */
  release(): Promise<void>;
}

/** Opens the configured folder, which is kept, or creates one for this run. Both are private. */
export async function openConfigFolder(named: string | undefined): Promise<ConfigFolder> {
  if (named !== undefined) {
    const path = resolve(named);
    await mkdir(path, { recursive: true });
    await chmod(path, 0o700);
    return { path, release: async () => {} };
  }
  const path = await mkdtemp(join(tmpdir(), "claudeway-demo-"));
  // A CLI that is exiting may still write into it.
  return { path, release: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

/**
 * The folder in `folder` that stands for the folder `own`, made if it is missing: keys that do not share a folder of the
 * CLI do not share one here.
 */
export async function folderInsteadOf(own: string | undefined, folder: string): Promise<string> {
  if (own === undefined) return folder;
  const path = join(folder, createHash("sha256").update(own).digest("hex").slice(0, 16));
  await mkdir(join(path, "tmp"), { recursive: true, mode: 0o700 });
  return path;
}
