import { lstat, readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isHarmlessConfig } from "./git-config.js";
import { submodulesIn } from "./git-index.js";

const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** The maximum depth and total number of submodules that are followed. */
const MAX_DEPTH = 4;
const MAX_REPOSITORIES = 50;

interface Repository {
  readonly worktree: string;
  readonly gitDir: string;
}

/**
 * Whether git may run a program that is named by the repository of a folder, or by one of its submodules. Git runs
 * filters, drivers, monitors and hooks even to show a status. True if it can't be determined.
 */
export async function mayRunCode(folder: string): Promise<boolean> {
  const seen = new Set<string>();
  try {
    return await mayRun(folder, seen, 0);
  } catch {
    // The file is unreadable or not a regular file: git may be able to read more of it.
    return true;
  }
}

async function mayRun(folder: string, seen: Set<string>, depth: number): Promise<boolean> {
  const repository = await repositoryOf(folder);
  if (repository === undefined) return false;
  if (repository === "bare") return true;
  const { worktree, gitDir } = repository;
  if (seen.has(gitDir)) return false;
  seen.add(gitDir);
  if (depth > MAX_DEPTH || seen.size > MAX_REPOSITORIES) return true;
  const common = resolve(gitDir, ((await read(join(gitDir, "commondir"))) ?? "").trim());
  for (const file of [join(common, "config"), join(gitDir, "config.worktree")]) {
    if (!isHarmlessConfig((await read(file)) ?? "")) return true;
  }
  // The only hook that `git status` runs, when it updates the index.
  if (await exists(join(common, "hooks/post-index-change"))) return true;
  const index = await readBytes(join(gitDir, "index"));
  const submodules = index === undefined ? [] : submodulesIn(index);
  if (submodules === undefined) return true;
  for (const path of submodules) {
    const inner = join(worktree, path);
    if ((await exists(join(inner, ".git"))) && (await mayRun(inner, seen, depth + 1))) return true;
  }
  return false;
}

/** Found as git does: in the folder, or in the nearest parent that has one. */
async function repositoryOf(folder: string): Promise<Repository | "bare" | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const dotGit = join(at, ".git");
    const found = await stat(dotGit).catch(unlessMissing);
    if (found?.isDirectory()) return { worktree: at, gitDir: dotGit };
    if (found !== undefined) {
      const target = /^gitdir: (.*)/.exec((await read(dotGit)) ?? "")?.[1];
      return target === undefined ? "bare" : { worktree: at, gitDir: resolve(at, target.trim()) };
    }
    if ((await exists(join(at, "HEAD"))) && (await exists(join(at, "refs")))) return "bare";
    if (at === dirname(at)) return undefined;
  }
}

async function read(file: string): Promise<string | undefined> {
  return (await readBytes(file))?.toString("utf8");
}

async function readBytes(file: string): Promise<Buffer | undefined> {
  const found = await stat(file).catch(unlessMissing);
  if (found === undefined) return undefined;
  if (!found.isFile() || found.size > MAX_FILE_BYTES)
    throw new Error(`${file} is not one of the checked files`);
  return readFile(file);
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(unlessMissing)) !== undefined;
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
    return;
  throw error;
}
