import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

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

/** The bytes of files that were deleted and that processes keep open, on the file systems of these folders. */
export function deletedBytes(pids: readonly number[], folders: readonly string[]): number {
  const devices = new Set(folders.map(deviceOf));
  const seen = new Set<string>();
  let bytes = 0;
  for (const path of pids.flatMap(openFilesOf)) {
    try {
      if (!readlinkSync(path).endsWith(" (deleted)")) continue;
      const { dev, ino, blocks } = statSync(path);
      if (!devices.has(dev) || seen.has(`${dev}:${ino}`)) continue;
      seen.add(`${dev}:${ino}`);
      bytes += blocks * 512;
    } catch {
      // Closed meanwhile.
    }
  }
  return bytes;
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

function openFilesOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`);
  } catch {
    return [];
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
