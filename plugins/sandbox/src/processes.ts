import { readdirSync, readFileSync, statSync } from "node:fs";
import { opendir, readlink, stat } from "node:fs/promises";

/** The gateway's own children that run bubblewrap. */
export function sandboxesOf(bwrap: string): number[] {
  return childrenOf(process.pid).filter((pid) => read(`/proc/${pid}/cmdline`).startsWith(`${bwrap}\0`));
}

/** A process with all that it has started. */
export function treeOf(root: number): number[] {
  const found = [root];
  // One by one: a call can't have as many arguments as a process can have children.
  for (let next = 0; next < found.length; next++)
    for (const child of childrenOf(found[next] ?? 0)) found.push(child);
  return found;
}

/** The folders on disk that a sandbox can change and that are its own: the working directory and the key's folder. */
export function foldersOfSandbox(pid: number): string[] {
  const args = read(`/proc/${pid}/cmdline`, "utf8").split("\0");
  const end = args.indexOf("--");
  const own = end === -1 ? args : args.slice(0, end);
  return own.flatMap((arg, index) => (arg === "--bind" ? (own[index + 1] ?? []) : []));
}

/** How many open files of one sandbox are checked; with more, its disk usage is unknown and it is ended. */
const MAX_OPEN_FILES = 20_000;

/** What deleted files that are open hold, on the file systems of the folders. */
export interface KeptFiles {
  readonly bytes: number;
  /** Why it is not known. */
  readonly problem?: string;
}

/**
 * The bytes of files that were deleted and that processes keep open, on the file systems of these folders. They are
 * looked at one by one, so that others are served in between.
 */
export async function deletedFiles(
  pids: readonly number[],
  folders: readonly string[],
  most = MAX_OPEN_FILES,
): Promise<KeptFiles> {
  const devices = new Set(folders.map(deviceOf));
  const seen = new Set<string>();
  let bytes = 0;
  let looked = 0;
  for (const pid of pids) {
    for await (const path of openFilesOf(pid)) {
      if (++looked > most) return { bytes, problem: `more than ${most} files are open in it` };
      const found = await deletedAt(path);
      if (found === undefined || !devices.has(found.dev) || seen.has(`${found.dev}:${found.ino}`)) continue;
      seen.add(`${found.dev}:${found.ino}`);
      bytes += found.blocks * 512;
    }
  }
  return { bytes };
}

/** Undefined for a file that is not deleted, or that was closed meanwhile. */
async function deletedAt(path: string) {
  try {
    return (await readlink(path)).endsWith(" (deleted)") ? await stat(path) : undefined;
  } catch {
    return undefined;
  }
}

/** Ends a sandbox: the kernel ends all of it with its first process. */
export function killSandbox(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Files of /proc are made as they are read; "" where the process has ended. */
export function read(path: string, encoding: "latin1" | "utf8" = "latin1"): string {
  try {
    return readFileSync(path, encoding);
  } catch {
    return "";
  }
}

function deviceOf(folder: string): number | undefined {
  return statSync(folder, { throwIfNoEntry: false })?.dev;
}

async function* openFilesOf(pid: number): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(`/proc/${pid}/fd`)) yield `/proc/${pid}/fd/${name}`;
  } catch {
    // It has ended.
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      read(`/proc/${pid}/task/${thread}/children`).split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
